// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Lineage") struct LineageTests {
    private func key(_ name: String) -> VersionKey {
        VersionKey(
            scope: Scope(account: .local, region: .usEast1),
            functionName: name,
            version: "$LATEST",
            generation: "1"
        )
    }

    @Test("the sixteenth invocation of a chain is the last")
    func limit() {
        var (header, invocations) = ("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0", 0)
        while invocations < 100 {
            var lineage = Lineage(traceHeader: header)
            guard lineage.enter(key("f")) else { break }
            invocations += 1
            header = lineage.written(into: header)
        }
        #expect(invocations == 16)
        #expect(
            header == "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0;Lineage=1:\(Lineage.mark(of: key("f"))):15"
        )
    }

    @Test("functions of one chain are counted apart, versions of one function together")
    func apart() {
        var lineage = Lineage(traceHeader: "")
        for _ in 0..<16 {
            let (a, b) = (lineage.enter(key("a")), lineage.enter(key("b")))
            #expect(a && b)
        }
        var published = key("a")
        published.version = "7"
        let isAdmitted = lineage.enter(published)
        #expect(!isAdmitted)
    }

    @Test(
        "what is no lineage counts nothing",
        arguments: [
            "Lineage=", "Lineage=1", "Lineage=1:zzzzzzzz:3", "Lineage=1:abc:3", "Lineage=1:0123abcd:-1",
            "Lineage=1:0123abcd:99999999999999999999", "Lineage=1:0123abcd", "lineage=1:0123abcd:3", "Lineage=||::",
        ]
    )
    func nonsense(text: String) { #expect(Lineage(traceHeader: "Root=1-a;\(text)").entries.isEmpty) }

    @Test("several chains that meet count each function as often as the longest of them")
    func merged() {
        var lineage = Lineage(traceHeader: "Lineage=1:0000000a:3|1:0000000b:1")
        lineage.merge(Lineage(traceHeader: "Lineage=1:0000000b:7|1:0000000c:0|1:0000000a:2"))
        #expect(
            lineage.entries == [
                .init(mark: "0000000a", returns: 3), .init(mark: "0000000b", returns: 7),
                .init(mark: "0000000c", returns: 0),
            ]
        )
        for number in 100..<200 { lineage.merge(Lineage(traceHeader: "Lineage=1:00000\(number):1")) }
        #expect(lineage.entries.count == 16)
    }

    @Test("a chain remembers the last sixteen functions, and the header stays short")
    func bounded() {
        let long = (0..<1_000).map { "1:0000\(String($0 + 1_000)):300" }.joined(separator: "|")
        var lineage = Lineage(traceHeader: "Root=1-a;Lineage=\(long)")
        #expect(lineage.entries.count == 16)
        #expect(lineage.entries.last == .init(mark: "00001999", returns: 255))
        let isAdmitted = lineage.enter(key("f"))
        #expect(isAdmitted)
        #expect(lineage.entries.count == 16)
        #expect(lineage.written(into: "Root=1-a").utf8.count < 512)
    }
}
