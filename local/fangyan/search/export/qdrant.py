"""An index as a collection of Qdrant, in a folder that its client opens (local mode) or copies to a server.

A point a recording, numbered from 0 in the order of the index: its fields as payload, the vector ``mean`` and the
multivector ``frames``, whose comparator is MaxSim: the sum over the query's frames of their best cosine, T times SeqSim
precision. Qdrant's client is the extra ``qdrant``.
"""

import sqlite3
from pathlib import Path

from fangyan.environment import install_extra
from fangyan.errors import UserError
from fangyan.files import produce
from fangyan.search.export.groups import groups, inputs
from fangyan.search.index import Index

COLLECTION = "recordings"


def write(index: Index, out: Path) -> None:
    """Writes the folder ``out``, whole or not at all, unless it is there; `UserError` without Qdrant's client."""
    try:
        import qdrant_client  # noqa: F401
    except ImportError:
        raise UserError(f"--to qdrant needs Qdrant's client: {install_extra('qdrant')}") from None
    try:
        produce(out, {"qdrant": COLLECTION} | inputs(index), lambda folder: _build(index, folder))
    except sqlite3.OperationalError as error:  # which says no more of a full disk
        raise UserError(
            f"{out}: cannot be written: {error}: see that the disk has room and may be written to, then run the same "
            "again"
        ) from None


def _build(index: Index, folder: Path) -> None:
    """The collection; points go to its storage one by one, for the client keeps in memory all that it is given."""
    from qdrant_client.http.models import PointStruct
    from qdrant_client.local.persistence import CollectionPersistence

    _create(index.dimension, folder)
    storage = CollectionPersistence(f"{folder / 'collection' / COLLECTION}")
    storage.storage.execute("PRAGMA synchronous = OFF")  # the folder counts when it is whole
    for group in groups(index):
        points = zip(group.fields(), group.split(), group.means, strict=True)
        for number, (fields, frames, mean) in enumerate(points, group.first):
            vectors = {"frames": frames.tolist(), "mean": mean.tolist()}
            storage.persist(PointStruct(id=number, vector=vectors, payload=fields))
    storage.close()


def _create(dimension: int, folder: Path) -> None:
    """An empty collection; of frames a server makes no graph, they rank what the means find."""
    from qdrant_client import QdrantClient, models

    cosine = models.Distance.COSINE
    maxsim = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    frames = models.VectorParams(
        size=dimension, distance=cosine, multivector_config=maxsim, hnsw_config=models.HnswConfigDiff(m=0)
    )
    mean = models.VectorParams(size=dimension, distance=cosine)
    client = QdrantClient(path=f"{folder}")
    client.create_collection(COLLECTION, vectors_config={"frames": frames, "mean": mean})
    client.close()
