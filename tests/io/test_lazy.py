"""Attributes that are imported when first used."""

import pytest

from tf_lift.io import lazy


def test_modules_and_names_are_imported_when_asked_for():
    get_attribute, list_attributes = lazy.attach("email", ["mime"], {"EmailPolicy": "policy"})
    assert get_attribute("mime").__name__ == "email.mime"
    assert get_attribute("EmailPolicy").__module__ == "email.policy"
    assert list_attributes() == ["EmailPolicy", "mime"]


def test_other_attributes_are_errors():
    get_attribute, _ = lazy.attach("email", ["mime"])
    with pytest.raises(AttributeError, match="module 'email' has no attribute 'charset'"):
        get_attribute("charset")
