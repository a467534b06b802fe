"""What a lap changed, as tables that a person can read below a pull request."""

from flows.changes import Change, changes_table, scores_table

FILE = "data/pumps/evaluate/metrics.json"
MODELS = {"baseline": "LightGBM", "sequence": "GRU"}


def test_scores_are_a_row_a_metric_and_a_column_a_model():
    found = [
        Change(FILE, "baseline.test.log_loss", 0.0754, 0.0862),
        Change(FILE, "sequence.test.roc_auc", None, 0.981),
        Change(FILE, "sequence.calibration.roc_auc", 0.1, 0.2),
        Change(FILE, "naive.test.roc_auc", 0.1, 0.2),
        Change("data/valves/evaluate/metrics.json", "baseline.test.log_loss", 1.0, 2.0),
    ]
    assert scores_table(found, FILE, MODELS) == [
        "| test side | LightGBM | GRU |",
        "| --- | --- | --- |",
        "| ROC AUC | as before | 0.981 |",
        "| log loss | 0.0754 → 0.0862 | as before |",
    ]
    assert scores_table(found[2:], FILE, MODELS) == []


def test_every_change_is_a_row_and_no_cell_is_a_page_long():
    rows = changes_table([Change("params.yaml", "a.b", None, [1, 2]), Change("f", "g", 1773715208.703, "x|" * 90)])
    assert rows[2] == "| params.yaml | a.b | – | [1, 2] |"
    assert rows[3].startswith("| f | g | 1.77372e+09 | x\\|") and rows[3].endswith("… |") and len(rows[3]) < 130
