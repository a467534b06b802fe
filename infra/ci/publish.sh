#!/usr/bin/env bash
# Push the branches that infra/ci/retrain.sh left in OUT to the remote `origin` of the working directory's repository.
# Only retrain/* and retrain-figures/* are taken, whatever else the bundle holds: it was made by the code under review.
#
#   infra/ci/publish.sh OUT
set -euo pipefail

bundle=$1/branches.git
if [ ! -e "$bundle" ]; then
    echo "nothing changed, nothing to push"
    exit 0
fi
taken=refs/fleetloop-incoming
git fetch --quiet --no-tags "$bundle" "refs/heads/retrain/*:$taken/retrain/*" "refs/heads/retrain-figures/*:$taken/retrain-figures/*"
git push --quiet origin "$taken/*:refs/heads/*"
git for-each-ref --format='pushed %(refname:lstrip=2)' "$taken"
git for-each-ref --format='delete %(refname)' "$taken" | git update-ref --stdin
