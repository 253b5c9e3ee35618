import pytest

from fangyan.encoders import identity, load_encoder
from fangyan.errors import UserError


@pytest.mark.parametrize("spec", ["", "whisper", "fbankk", "/some/path"])
def test_an_unknown_spec_is_answered_with_the_known_forms(spec):
    for function in (load_encoder, identity):
        with pytest.raises(UserError, match=r"known forms are espnet:.*fbank, mfcc"):
            function(spec)


def test_identity_tells_families_apart():
    assert identity("fbank") != identity("mfcc")
    assert identity("fbank") == identity("fbank")
