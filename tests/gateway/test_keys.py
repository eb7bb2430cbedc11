"""API keys: shown once, kept as digests, in a file that only its owner reads."""

import json
import stat
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.keys import KeyStore, digest
from gateway.live import keys_configuration


def test_a_key_is_not_kept_but_its_digest_is(tmp_path: Path):
    key = KeyStore(tmp_path).add("shop")
    (kept,) = KeyStore(tmp_path).all()
    assert kept.digest == digest(kept.salt, key)
    assert key.rpartition("_")[2] not in (tmp_path / "keys.json").read_text()
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_two_keys_of_one_name_and_names_that_are_none_are_refused(tmp_path: Path):
    store = KeyStore(tmp_path)
    store.add("shop")
    with pytest.raises(GatewayError, match="there is a key named shop"):
        store.add("shop")
    for name in ("", "a b", 'x";', "$host", "é", "a" * 65):
        with pytest.raises(GatewayError, match="is no name for a key"):
            store.add(name)


def test_a_revoked_key_is_gone_and_an_unknown_one_is_a_sentence(tmp_path: Path):
    store = KeyStore(tmp_path)
    store.add("shop")
    store.add("page")
    store.revoke("shop")
    assert [key.name for key in store.all()] == ["page"]
    with pytest.raises(GatewayError, match="there is no key named shop; there is page"):
        store.revoke("shop")


def test_a_file_of_keys_that_makes_no_sense_is_an_error_and_not_an_empty_list(tmp_path: Path):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [{"name": "shop"}]}))
    with pytest.raises(GatewayError, match="does not hold API keys"):
        KeyStore(tmp_path).all()


def test_a_key_that_expires_says_so_in_what_nginx_compares(tmp_path: Path):
    store = KeyStore(tmp_path)
    store.add("trial", days=30)
    (kept,) = store.all()
    assert kept.expires == kept.created + 30 * 86400
    assert f'"{kept.id}" "{kept.digest},{kept.expires}";' in keys_configuration([kept])
