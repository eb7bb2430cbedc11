"""Archives that a rollout refused are known by their bytes."""

import os

from pixserve.refused_archives import clear_refusal, mark_refused, refusal


def test_a_refused_archive_is_known_with_the_reason_until_the_mark_is_cleared(tmp_path):
    archive = tmp_path / "pets-2.0.mar"
    archive.write_bytes(b"worse")
    assert refusal(archive) is None
    mark_refused(archive, "accuracy fell from 92.0% to 87.0%")
    assert refusal(archive) == "accuracy fell from 92.0% to 87.0%"
    clear_refusal(archive)
    assert refusal(archive) is None


def test_an_archive_packed_anew_is_not_refused_whatever_its_time_stamp(tmp_path):
    archive = tmp_path / "pets-2.0.mar"
    archive.write_bytes(b"worse")
    mark_refused(archive, "accuracy fell")
    stamp = archive.stat().st_mtime_ns
    archive.write_bytes(b"better")
    os.utime(archive, ns=(stamp, stamp))
    assert refusal(archive) is None
