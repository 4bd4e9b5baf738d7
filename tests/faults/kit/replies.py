"""Kafka's replies as the fault proxy makes them up: an error where the broker had none."""

from typing import Any

from kafka.protocol.producer import (
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnResponse,
    EndTxnResponse,
    InitProducerIdResponse,
    ProduceRequest,
    ProduceResponse,
    TxnOffsetCommitResponse,
)

from tests.faults.kit.rules import Api, Request

_REPLIES = {
    Api.PRODUCE: ProduceResponse,
    Api.INIT_PRODUCER_ID: InitProducerIdResponse,
    Api.ADD_PARTITIONS_TO_TXN: AddPartitionsToTxnResponse,
    Api.ADD_OFFSETS_TO_TXN: AddOffsetsToTxnResponse,
    Api.END_TXN: EndTxnResponse,
    Api.TXN_OFFSET_COMMIT: TxnOffsetCommitResponse,
}


def with_error(request: Request, frame: bytes, code: int) -> bytes:
    """The broker's reply with every error code in it replaced."""
    reply = _REPLIES[Api(request.api)].decode(frame, version=request.version, header=True)
    _set_error(reply, code)
    return bytes(reply.encode(header=True))


def refusal(request: Request, code: int) -> bytes:
    """A reply to a request that the broker never saw: each partition named in it is refused with `code`."""
    if request.api == Api.PRODUCE:
        reply = _refused_produce(request)
    elif request.api in (Api.END_TXN, Api.ADD_OFFSETS_TO_TXN, Api.INIT_PRODUCER_ID):
        reply = _REPLIES[Api(request.api)](version=request.version)
    else:
        raise NotImplementedError(f"refusals of {Api(request.api).name}; use reply_error, which lets it take effect")
    _set_error(reply, code)
    reply.with_header(request.correlation)
    return bytes(reply.encode(header=True))


def _refused_produce(request: Request) -> Any:
    asked = ProduceRequest.decode(request.frame, version=request.version, header=True)
    topic_reply = ProduceResponse.TopicProduceResponse
    partition_reply = topic_reply.PartitionProduceResponse
    by_id = request.version >= 13
    return ProduceResponse(
        version=request.version,
        responses=[
            topic_reply(
                version=request.version,
                **({"topic_id": topic.topic_id} if by_id else {"name": topic.name}),
                partition_responses=[
                    partition_reply(version=request.version, index=partition.index, base_offset=-1)
                    for partition in topic.partition_data
                ],
            )
            for topic in asked.topic_data
        ],
    )


def _set_error(part: Any, code: int) -> None:
    for name in part.fields:
        value = getattr(part, name, None)
        if name.endswith("error_code"):
            setattr(part, name, code)
        elif isinstance(value, list):
            for item in value:
                if hasattr(item, "fields"):
                    _set_error(item, code)
