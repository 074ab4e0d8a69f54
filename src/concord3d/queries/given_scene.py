"""What a query gives of a scene: pictures, a sentence, a cloud or a floorplan, as a scan that has nothing else.

So what trained encoders are told of a query is made by the code that makes it of scans.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concord3d.data.formats.photos import read_photo
from concord3d.data.formats.room_clouds import read_room_cloud
from concord3d.data.scans.object_vertices import locations
from concord3d.data.scans.scan import Scan
from concord3d.data.stores.interface import StoreIdentity
from concord3d.data.stores.scans import ScanSplit
from concord3d.errors import ConfigError
from concord3d.features.tower import BadText, is_unusable

Picture = NDArray[np.uint8]
QUERY = "query"
_NO_FLOORPLAN = (1, 1)


@dataclass(frozen=True)
class GivenScene:
    """One modality of a scene that need not be in any store.

    Attributes:
        modality: ``image``, ``referral``, ``point`` or ``floorplan``.
        scan: The scene; what is not given is missing.
        objects: What its objects are, in words.
    """

    modality: str
    scan: Scan
    objects: str

    @property
    def split(self) -> ScanSplit:
        """The scene as a split of one scan, in which all its pictures are key frames."""
        plan = self.scan.floorplan
        size = _NO_FLOORPLAN if plan is None else (plan.shape[0], plan.shape[1])
        identity = StoreIdentity(QUERY, QUERY, QUERY)
        return ScanSplit.of_scans(identity, [self.scan], max(1, self.scan.num_frames), 1, size)


def of_photos(files: Sequence[Path]) -> GivenScene:
    """Return a scene of which some pictures are given.

    No masks are known, so each picture as a whole is an object.

    Args:
        files: JPEG or PNG files.

    Raises:
        ConfigError: There is none.
        UnreadableFile: One is absent, truncated, or no picture.
    """
    if not files:
        raise ConfigError("There is no picture", expected="at least one file", found="none")
    pictures = [read_photo(path) for path in files]
    encoded = [_png(picture) for picture in pictures]
    rows, count = np.arange(len(files)), len(files)
    scan = replace(
        _with_objects([path.name for path in files]),
        frame_bytes=np.frombuffer(b"".join(encoded), np.uint8),
        frame_byte_offsets=np.cumsum([0, *map(len, encoded)]).astype(np.int64),
        frame_numbers=rows,
        poses=np.tile(np.eye(4), (count, 1, 1)),
        key_frames=rows,
        vote_objects=rows,
        vote_frames=rows,
        vote_boxes=np.array([[0, 0, each.shape[1], each.shape[0]] for each in pictures], np.int32),
        vote_pixels=np.array([each.shape[0] * each.shape[1] for each in pictures], np.int64),
    )
    return GivenScene("image", scan, "each picture as a whole, for no masks are known")


def of_sentence(text: str) -> GivenScene:
    """Return a scene that a sentence describes; the sentence stands for an object, too.

    Raises:
        BadText: It holds nothing to read.
    """
    if is_unusable(text):
        raise BadText("The sentence holds nothing to read", expected="a description of a room", found=repr(text))
    scan = replace(_with_objects([text]), referral_objects=np.zeros(1, np.int64), referrals=(text,))
    return GivenScene("referral", scan, "the sentence as a whole")


def of_cloud(file: Path) -> GivenScene:
    """Return a scene of which a cloud is given.

    Args:
        file: See :func:`concord3d.data.formats.room_clouds.read_room_cloud`. Where it does not tell objects, the cloud
            as a whole is one.

    Raises:
        UnreadableFile: The file is absent, damaged, of another format, or lacks an array.
        BadCloud: No colours, coordinates that are not finite, or a size that no room has in metres.
    """
    cloud = read_room_cloud(file)
    told = cloud.instance is not None
    instance = cloud.instance if cloud.instance is not None else np.ones(len(cloud.points), np.int32)
    ids = np.unique(instance[instance > 0]).astype(np.int64)
    empty = _with_objects([f"object {each}" for each in ids] if told else [file.name])
    scan = replace(empty, object_ids=ids, points=cloud.points, colors=cloud.colors, instance=instance)
    scan = replace(scan, locations=locations(scan.points, scan.object_rows(), len(ids)))
    return GivenScene("point", scan, "those that the file tells" if told else "the cloud as a whole, for none are told")


def of_floorplan(file: Path) -> GivenScene:
    """Return a scene of which a floorplan is given; objects in it are not known.

    Args:
        file: A picture, dark on white, as stores of scans hold them (CrossOver spec 1.7).

    Raises:
        UnreadableFile: The file is absent, truncated, or no picture.
    """
    return GivenScene("floorplan", replace(_with_objects([]), floorplan=read_photo(file)), "none, for none are told")


def _png(picture: Picture) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _with_objects(names: Sequence[str]) -> Scan:
    """Return a scan of some objects of which nothing is known."""
    count, none = len(names), np.zeros(0, np.int64)
    return Scan(
        name=QUERY,
        space=QUERY,
        scene_type="",
        reference=True,
        aligned=True,
        points=np.zeros((0, 3), np.float32),
        colors=np.zeros((0, 3), np.uint8),
        instance=np.zeros(0, np.int32),
        object_ids=np.arange(1, count + 1),
        labels=np.full(count, -1),
        object_names=tuple(names),
        locations=np.zeros((count, 6), np.float32),
        cad_objects=none,
        cad_points=np.zeros((0, 1, 3), np.float32),
        intrinsics=np.eye(3),
        quarter_turns=0,
        frame_bytes=np.zeros(0, np.uint8),
        frame_byte_offsets=np.zeros(1, np.int64),
        frame_numbers=none,
        poses=np.zeros((0, 4, 4)),
        key_frames=none,
        floorplan=None,
        vote_objects=none,
        vote_frames=none,
        vote_boxes=np.zeros((0, 4), np.int32),
        vote_pixels=none,
        referral_objects=none,
        referrals=(),
        change_ids=none,
        change_angles=np.zeros(0, np.float32),
        change_shifts=np.zeros(0, np.float32),
    )
