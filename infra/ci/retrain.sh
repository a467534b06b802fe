#!/usr/bin/env bash
# One retraining by CI, in the working directory's checkout: pull from the DVC remote, lap, push to it, and leave in OUT
#   comment.md      what changed against BASE: verdict, scores, gates, figures, metrics and params, for a pull request
#   branches.git    a git bundle with the branches to push: retrain/KEY (dvc.lock) and retrain-figures/KEY
#   lap.log         what the stages said
# Ends as the lap ended; a lap that was refused by its gates leaves the same files. Nothing here talks to GitHub.
#
#   infra/ci/retrain.sh OUT BASE        e.g. infra/ci/retrain.sh out origin/main
#   USE_CASES="pumps turbofan"          only these; by default all that are active
#   FIGURES_URL=https://HOST/OWNER/REPOSITORY/raw   where pushed branches are read; by default the files lie in OUT
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
base=$(git merge-base "$2" HEAD)

read -ra names <<<"${USE_CASES:-}"
targets=()
for name in "${names[@]}"; do
    [[ $name =~ ^[A-Za-z0-9_]+$ ]] || { echo "USE_CASES: '$name' is no name of a use case" >&2; exit 2; }
    targets+=("export@$name")
done

fleetloop data pull

code=0
dvc repro "${targets[@]}" 2>&1 | tee "$out/lap.log" || code=$?
fleetloop data push # also after a refusal: what was computed is not computed twice

# The same inputs give the same key, the same commits and so the same branches: doing it again pushes nothing new.
key=$(git hash-object dvc.lock | cut -c1-12)
figures=${FIGURES_URL:+$FIGURES_URL/retrain-figures/$key}
fleetloop compare "$base" --output "$out" ${figures:+--figures "$figures"}

when=$(git show --no-patch --format=%cI HEAD)
export GIT_AUTHOR_NAME=fleetloop GIT_AUTHOR_EMAIL=fleetloop@users.noreply.github.com GIT_AUTHOR_DATE=$when
export GIT_COMMITTER_NAME=fleetloop GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$when
export GIT_INDEX_FILE
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
branches=()

if ! git diff --quiet HEAD -- dvc.lock || ! git cat-file -e HEAD:dvc.lock 2>/dev/null; then
    GIT_INDEX_FILE=$scratch/lap
    git read-tree HEAD
    git add dvc.lock
    # a lock that no pull request asked for must not start the next run
    git update-ref "refs/heads/retrain/$key" \
        "$(git commit-tree "$(git write-tree)" -p HEAD -m "Retrain on $(git rev-parse --short HEAD)" -m "[skip ci]")"
    branches+=("retrain/$key")
fi
if compgen -G "$out/figures/*" >/dev/null; then
    GIT_INDEX_FILE=$scratch/figures
    git --work-tree="$out/figures" add --all --force .
    git update-ref "refs/heads/retrain-figures/$key" "$(git commit-tree "$(git write-tree)" -m "Figures of retrain/$key")"
    branches+=("retrain-figures/$key")
fi
if [ ${#branches[@]} -gt 0 ]; then
    git bundle create --quiet "$out/branches.git" "${branches[@]}" "^$(git rev-parse HEAD)"
fi
exit "$code"
