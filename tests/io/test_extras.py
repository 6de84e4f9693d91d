"""Optional packages."""

import json

import pytest

from tf_lift.io import extras


def test_an_installed_package_is_returned():
    assert extras.require("json", "reading .json files") is json


def test_the_message_names_the_extra():
    message = r'drawing needs `pip install "tf-lift\[viewing\]"` \(No module named .no_such'
    with pytest.raises(ImportError, match=message):
        extras.require("no_such_package", "drawing", "viewing")
