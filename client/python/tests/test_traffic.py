"""A workload from Python."""

import grpc

import sockwright.v1 as sw


def test_a_workload_is_told_from_its_beginning_to_its_report(sockwright_server: str) -> None:
    with grpc.insecure_channel(sockwright_server) as channel:
        stacks = [sw.LabStack(name="a"), sw.LabStack(name="b")]
        lab = sw.NetworksStub(channel).CreateLab(sw.CreateLabRequest(stacks=stacks)).lab
        request = sw.RunRequest(
            stack=lab.stacks[0],
            connecting=sw.ConnectingSide(),
            source=sw.TrafficSource(),
            limits=sw.TrafficLimits(octets=1_000_000),
            peer=sw.TrafficPeer(stack=lab.stacks[1]),
        )
        told = list(sw.TrafficStub(channel).Run(request))
    assert told[0].WhichOneof("part") == "started"
    report = told[-1].report
    assert report.ended_by == sw.TRAFFIC_END_OCTETS
    assert report.figures.octets_sent == report.peer.octets_received == 1_000_000
