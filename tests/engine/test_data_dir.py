"""One worker of a namespace has the data folder; another one is told so."""

from pathlib import Path

import pytest

from tweetream.engine.data_dir import DataDirError, claim


def test_a_folder_is_for_one_worker_of_a_namespace(tmp_path: Path) -> None:
    first = claim(tmp_path / "new" / "data", "a")
    with pytest.raises(DataDirError, match="another worker of a uses"):
        claim(tmp_path / "new" / "data", "a")
    claim(tmp_path / "new" / "data", "b").close()
    first.close()
    claim(tmp_path / "new" / "data", "a").close()
