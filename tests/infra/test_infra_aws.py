"""The CloudFormation template: its schema, its buckets, and who may do what."""

import subprocess
from pathlib import Path

import pytest

from tests.builders.iam import Account

TEMPLATE = Path(__file__).parents[2] / "infra" / "aws" / "fleetloop.yaml"
GITHUB = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
BUCKETS = ("DataBucket", "ReleaseBucket")
ROLES = ("CiRole", "WorkerRole", "DeviceRole")
ONCE = {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
AGAIN = {"s3:ObjectCreationOperation": "true"}
PUMP = {"credentials-iot:ThingName": "pump-17"}


@pytest.fixture(scope="module")
def account():
    return Account(TEMPLATE, Repository="acme/pumps", GitHubOidcProviderArn=GITHUB)


def test_cloudformation_s_own_schemas_accept_it():
    command = ["cfn-lint", "--non-zero-exit-code", "informational", TEMPLATE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_versioned_encrypted_closed_and_outlives_the_stack(account, bucket):
    resource = account.resources[bucket]
    properties = resource["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]  # no ACLs at all
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_keeps_old_versions_for_a_while_and_no_half_uploads(account, bucket):
    rules = {rule["Id"]: rule for rule in account.resources[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rules["abandoned-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert not any("ExpirationInDays" in rule for rule in rules.values())  # nothing current ever vanishes by itself


@pytest.mark.parametrize(
    ("role", "action", "bucket", "key", "context", "allowed"),
    [
        ("CiRole", "s3:GetObject", "DataBucket", "dvc/files/md5/ab/cd", {}, True),
        ("CiRole", "s3:PutObject", "DataBucket", "dvc/files/md5/ab/cd", {}, True),
        ("CiRole", "s3:ListBucket", "DataBucket", "", {"s3:prefix": "dvc/files"}, True),
        ("CiRole", "s3:ListBucket", "DataBucket", "", {"s3:prefix": "field/"}, False),
        ("CiRole", "s3:ListBucket", "DataBucket", "", {}, False),
        ("CiRole", "s3:GetObject", "DataBucket", "field/2026/01.parquet", {}, False),
        ("CiRole", "s3:DeleteObject", "DataBucket", "dvc/files/md5/ab/cd", {}, False),
        ("CiRole", "s3:GetObject", "ReleaseBucket", "champions/pumps.json", {}, False),
        ("CiRole", "s3:PutObject", "ReleaseBucket", "champions/pumps.json", {}, False),
        ("WorkerRole", "s3:GetObject", "DataBucket", "dvc/files/md5/ab/cd", {}, True),
        ("WorkerRole", "s3:GetObject", "DataBucket", "field/2026/01.parquet", {}, True),
        ("WorkerRole", "s3:PutObject", "DataBucket", "field/2026/01.parquet", {}, False),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "objects/ab/abcd", ONCE, True),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "objects/ab/abcd", AGAIN, False),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "releases/pumps/00000001.json", ONCE, True),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "releases/pumps/00000001.json", AGAIN, False),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "champions/pumps.json", AGAIN, True),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "governor/pumps.json", AGAIN, True),
        ("CiRole", "s3:PutObject", "ReleaseBucket", "governor/pumps.json", AGAIN, False),
        ("WorkerRole", "s3:PutObject", "ReleaseBucket", "elsewhere", ONCE, False),
        ("WorkerRole", "s3:DeleteObject", "ReleaseBucket", "objects/ab/abcd", {}, False),
        ("DeviceRole", "s3:GetObject", "ReleaseBucket", "devices/pump-17/manifest.json", PUMP, True),
        ("DeviceRole", "s3:GetObject", "ReleaseBucket", "devices/pump-18/manifest.json", PUMP, False),
        ("DeviceRole", "s3:GetObject", "ReleaseBucket", "devices/pump-177/manifest.json", PUMP, False),
        ("DeviceRole", "s3:GetObject", "ReleaseBucket", "devices/pump-17/manifest.json", {}, False),
        ("DeviceRole", "s3:GetObject", "ReleaseBucket", "champions/pumps.json", PUMP, False),
        ("DeviceRole", "s3:GetObject", "DataBucket", "devices/pump-17/manifest.json", PUMP, False),
        ("DeviceRole", "s3:PutObject", "ReleaseBucket", "devices/pump-17/manifest.json", PUMP | ONCE, False),
        ("DeviceRole", "s3:ListBucket", "ReleaseBucket", "", PUMP | {"s3:prefix": "devices/pump-17/"}, False),
    ],
)
def test_who_may_do_what(account, role, action, bucket, key, context, allowed):
    assert account.may(role, action, account.arn(bucket, key), **context) is allowed


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "action",
    ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketPolicy", "s3:PutBucketVersioning", "s3:DeleteBucket",
     "s3:PutLifecycleConfiguration", "s3:PutBucketPublicAccessBlock", "iam:PassRole", "sts:AssumeRole"],
)  # fmt: skip
def test_no_role_deletes_or_rules(account, role, action):
    for bucket in BUCKETS:
        for key in ("", "dvc/x", "objects/x", "champions/x", "devices/pump-17/x"):
            assert not account.may(role, action, account.arn(bucket, key), **PUMP, **ONCE)


@pytest.mark.parametrize("channel", [{"aws:SecureTransport": "false"}, {"s3:TlsVersion": "1.1"}])
@pytest.mark.parametrize(
    ("role", "bucket", "key"),
    [
        ("WorkerRole", "DataBucket", "dvc/x"),
        ("WorkerRole", "ReleaseBucket", "objects/x"),
        ("DeviceRole", "ReleaseBucket", "devices/pump-17/x"),
    ],
)
def test_without_modern_tls_nobody_gets_anything(account, role, bucket, key, channel):
    assert account.may(role, "s3:GetObject", account.arn(bucket, key), **PUMP)
    assert not account.may(role, "s3:GetObject", account.arn(bucket, key), **PUMP, **channel)


@pytest.mark.parametrize(
    ("subject", "audience", "allowed"),
    [
        ("repo:acme/pumps:ref:refs/heads/main", "sts.amazonaws.com", True),
        ("repo:acme/pumps:pull_request", "sts.amazonaws.com", True),
        ("repo:acme/pumps:ref:refs/heads/other", "sts.amazonaws.com", False),
        ("repo:acme/pumps:ref:refs/tags/main", "sts.amazonaws.com", False),
        ("repo:acme/pumps-fork:pull_request", "sts.amazonaws.com", False),
        ("repo:evil/pumps:ref:refs/heads/main", "sts.amazonaws.com", False),
        ("repo:acme/pumps:ref:refs/heads/main", "elsewhere", False),
    ],
)
def test_only_the_repository_s_own_workflows_take_the_ci_role(account, subject, audience, allowed):
    host = "token.actions.githubusercontent.com"
    context = {f"{host}:sub": subject, f"{host}:aud": audience}
    assert account.may_assume("CiRole", GITHUB, "sts:AssumeRoleWithWebIdentity", **context) is allowed
    assert not account.may_assume("CiRole", "ec2.amazonaws.com", "sts:AssumeRole", **context)


@pytest.mark.parametrize(
    ("role", "service", "source", "allowed"),
    [
        ("DeviceRole", "credentials.iot.amazonaws.com", "123456789012", True),
        ("DeviceRole", "credentials.iot.amazonaws.com", "999999999999", False),
        ("DeviceRole", "ec2.amazonaws.com", "123456789012", False),
        ("WorkerRole", "ec2.amazonaws.com", "123456789012", True),
        ("WorkerRole", "credentials.iot.amazonaws.com", "123456789012", False),
    ],
)
def test_a_role_is_taken_only_by_its_own_kind(account, role, service, source, allowed):
    assert account.may_assume(role, service, "sts:AssumeRole", **{"aws:SourceAccount": source}) is allowed


def test_an_account_without_the_identity_provider_gets_one(account):
    assert "GitHubOidcProvider" not in account.resources
    made = Account(TEMPLATE, Repository="acme/pumps")
    assert made.resources["GitHubOidcProvider"]["Properties"]["ClientIdList"] == ["sts.amazonaws.com"]


def test_there_are_no_users_and_no_keys(account):
    kinds = {resource["Type"] for resource in account.resources.values()}
    assert not kinds & {"AWS::IAM::User", "AWS::IAM::AccessKey"}
