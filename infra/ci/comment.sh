#!/usr/bin/env bash
# Show OUT/comment.md: below the pull request PULL_REQUEST, in the place of the last one; else in the job's summary; else
# here. The only step that needs GitHub (its command `gh`).
#
#   infra/ci/comment.sh OUT
set -euo pipefail

comment=$1/comment.md
if [ ! -e "$comment" ]; then
    printf 'The lap ended before anything could be compared; its log says why.\n' >"$comment"
fi
if [ -n "${PULL_REQUEST:-}" ]; then
    gh pr comment "$PULL_REQUEST" --body-file "$comment" --edit-last --create-if-none
else
    cat "$comment" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
fi
