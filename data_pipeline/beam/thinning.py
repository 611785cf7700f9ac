"""Two more steps of the pipeline, which look at all positions to say which to keep."""

from collections import Counter

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from data_pipeline.beam import selection
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.staging import Staging, counting
from data_pipeline.beam.transforms import Chunks
from data_pipeline.dataset import records
from data_pipeline.dataset.records import Keyed
from data_pipeline.encoding.values import ValueBins


def limit(chunks: Chunks, max_positions: int, place: Staging) -> Chunks:
    """Keep at most ``max_positions``, those of the lowest lots."""

    def lots(chunk: list[Keyed]) -> Counter[int]:
        return Counter(selection.limit_bucket(key) for key, _, _ in chunk)

    def keep(chunk: list[Keyed], end: int) -> list[Keyed]:
        kept = [keyed for keyed in chunk if selection.limit_bucket(keyed[0]) < end]
        return _counted("limit", "beyond max-positions", place, chunk, kept)

    end = (
        chunks
        | "lots" >> beam.Map(lots)
        | "count lots" >> beam.CombineGlobally(selection.total_counts)
        | "draw" >> beam.Map(selection.limit_of, max_positions)
    )
    return chunks | "limit" >> beam.Map(keep, AsSingleton(end))


def balance(chunks: Chunks, options: DatasetOptions, place: Staging) -> Chunks:
    """Cut the full value bins down; see `selection.keep_shares`."""
    bins = ValueBins(options.bins)

    def values(chunk: list[Keyed]) -> Counter[int]:
        return Counter(records.value_bin(data, bins) for _, data, _ in chunk)

    def keep(chunk: list[Keyed], shares: dict[int, float]) -> list[Keyed]:
        kept = [
            (key, data, split)
            for key, data, split in chunk
            if selection.lot(key, selection.BALANCE) < shares[records.value_bin(data, bins)]
        ]
        return _counted("balance", "to balance", place, chunk, kept)

    shares = (
        chunks
        | "values" >> beam.Map(values)
        | "count values" >> beam.CombineGlobally(selection.total_counts)
        | "shares" >> beam.Map(selection.keep_shares, bins, options.balance)
    )
    return chunks | "balance" >> beam.Map(keep, AsSingleton(shares))


def _counted(
    step: str, reason: str, place: Staging, chunk: list[Keyed], kept: list[Keyed]
) -> list[Keyed]:
    """``kept``, after counting what is missing; a chunk is known by its first position."""
    if len(kept) < len(chunk):
        with counting(place, f"{step}-{chunk[0][0].hex()}") as counts:
            counts[f"dropped/{reason}"] = len(chunk) - len(kept)
    return kept
