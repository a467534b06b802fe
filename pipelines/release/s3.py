"""The release store in S3, or in any server that speaks it (AWS_ENDPOINT_URL_S3 names it, as for every AWS tool)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.errors import Conflict, ParamsError, StoreError

_LOST = (404, 409, 412)  # a precondition that failed; servers disagree about If-Match on a key that is not there


class S3Store:
    """Objects and pointers as keys below s3://bucket/prefix; credentials and region as boto3 finds them."""

    def __init__(self, bucket: str, prefix: str, patience_s: float = 60, tries: int = 4) -> None:
        """patience_s: seconds that the server may be silent before a request counts as failed; tries: of each."""
        import boto3
        from botocore.config import Config

        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        with self._refusals("connect"):
            again = {"mode": "standard", "max_attempts": tries}
            config = Config(retries=again, connect_timeout=5, read_timeout=patience_s)
            self._client: Any = boto3.Session().client("s3", config=config)  # not the shared one: it keeps old keys

    def put(self, key: str, data: bytes) -> None:
        """Write an object once. Raises Conflict where the key holds other bytes, StoreError."""
        if self._conditional_put(key, data, IfNoneMatch="*"):
            return
        if self.get(key) != data:
            raise Conflict(f"release store {self.url}: {key} exists with other content; objects are written once")

    def get(self, key: str) -> bytes | None:
        """An object's bytes; None where there is none. Raises StoreError."""
        found = self._read(key)
        return None if found is None else found[0]

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's value and etag; None where it was never set. Raises StoreError."""
        return self._read(key)

    def swap_pointer(self, key: str, value: bytes, etag: str | None) -> None:
        """Set a pointer that still has `etag`. Raises Conflict where it moved; StoreError."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        if not self._conditional_put(key, value, **condition):
            raise Conflict(f"release store {self.url}: {key} was moved by somebody else; read it again")

    def _conditional_put(self, key: str, data: bytes, **condition: str) -> bool:
        """False where the condition did not hold."""
        from botocore.exceptions import ClientError

        with self._refusals(key):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + key, Body=data, ChecksumAlgorithm="SHA256", **condition
                )
            except ClientError as error:
                if _status(error) in _LOST and _code(error) != "NoSuchBucket":
                    return False
                raise
        return True

    def _read(self, key: str) -> tuple[bytes, str] | None:
        with self._refusals(key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
                return answer["Body"].read(), answer["ETag"]
            except self._client.exceptions.NoSuchKey:
                return None

    @contextmanager
    def _refusals(self, key: str) -> Iterator[None]:
        """One clear line for whatever the store, the network or the credentials refuse."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError

        try:
            yield
        except NoCredentialsError:
            raise ParamsError(f"release store {self.url}: no credentials; set AWS_ACCESS_KEY_ID and "
                              f"AWS_SECRET_ACCESS_KEY, a profile or a role, then run again") from None  # fmt: skip
        except ClientError as error:
            answer = error.response.get("Error", {})
            raise StoreError(
                f"release store {self.url} refused {key}: {_code(error)} (HTTP {_status(error)}) "
                f"{answer.get('Message', '')}; check bucket, credentials and rights, then run again"
            ) from None
        except (BotoCoreError, HTTPClientError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"release store {self.url} cannot be reached: {reason}; check FLEETLOOP_STORE, the "
                             f"endpoint and the credentials, then run again") from None  # fmt: skip


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
