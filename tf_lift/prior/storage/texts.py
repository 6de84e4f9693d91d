"""Encodes a prior as text, which a saved layer carries in its config."""

import base64
import io
import zipfile
import zlib
from typing import Any

import numpy as np

from tf_lift.prior.storage import files

__all__ = ["decode", "encode"]

# Size of the check sum at the end of the bytes, which reveals damage before an archive is opened.
_CHECK_BYTES = 4


def encode(fields: dict[str, Any]) -> str:
    """Encodes the fields of a prior as text: base64 of the npz that `files` would write.

    Args:
        fields: Dict of arrays and strings.

    Returns:
        ASCII text; equal fields give equal texts.

    >>> fields = {name: np.ones(2) for name in files.ARRAY_NAMES}
    >>> text = encode(fields)
    >>> text == encode(fields), decode(text)["stddev"]
    (True, array([1., 1.]))
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, **fields)
    content = stream.getvalue()
    return base64.b64encode(content + _check_sum(content)).decode("ascii")


def decode(text: str) -> dict[str, Any]:
    """Decodes the fields of a prior from its text.

    Args:
        text: Text from `encode`.

    Returns:
        Dict of the fields of `PosePrior`, not yet checked against each other.

    Raises:
        ValueError: If the text is damaged or of another kind.
    """
    try:
        whole = base64.b64decode(text, validate=True)
        content = whole[:-_CHECK_BYTES]
        if not content or whole[-_CHECK_BYTES:] != _check_sum(content):
            raise ValueError("its check sum is wrong")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return files.fields_of({name: archive[name] for name in archive.files})
    except (ValueError, zipfile.BadZipFile) as error:
        received = text if len(text) <= 40 else f"{text[:20]}... of {len(text)} characters"
        raise ValueError(
            "`text` must be undamaged and from `PosePrior.to_text`. "
            f"Received: {received!r} ({error})"
        ) from error


def _check_sum(content):
    return zlib.crc32(content).to_bytes(_CHECK_BYTES, "big")
