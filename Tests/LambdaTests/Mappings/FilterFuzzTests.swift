// SPDX-License-Identifier: Apache-2.0
import EventPatterns
import MartletCore
import Testing

@testable import Lambda

@Suite("Event source mappings: hostile filters") struct FilterFuzzTests {
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(sides, 1)
        }
    }

    private static let filters = [
        #"{"body":{"kind":["a",{"prefix":"b"},{"anything-but":["c"]}],"price":[{"numeric":[">",1,"<=",5e3]}]}}"#,
        #"{"$or":[{"body":{"x":[{"exists":false}]}},{"attributes":{"SenderId":[{"suffix":"z"}]}}]}"#,
        #"{"body":{"a":{"b":{"c":[null,true,1,"",{"wildcard":"a*b*c"},{"cidr":"10.0.0.0/8"}]}}}}"#,
        #"{"messageAttributes":{"k":{"stringValue":[{"equals-ignore-case":"V"}]}}}"#,
    ]
    private static let scraps = [
        "{", "}", "[", "]", ":", ",", "\"", "null", "1e999", "-0", "$or", "*", "\\u0000", "\\", "é", "**",
        "\"prefix\":",
    ]
    private static let bodies = [
        "", "text", "{", "null", "[]", "{\"kind\":\"a\",\"price\":3}", "{\"a\":{\"b\":[{\"c\":null},{\"c\":[1,[2]]}]}}",
        String(repeating: "[", count: 500), "{\"x\":\"\\ud800\"}", String(repeating: "a", count: 100_000),
    ]

    @Test("are refused with a reason or compiled, and any message can be asked of what was", arguments: 0..<8)
    func hostile(seed: Int) throws {
        let queue = try #require(ARN("arn:aws:sqs:us-east-1:000000000000:q"))
        let records = Self.bodies.map { body in
            QueueRecord(
                message: QueueMessage(
                    id: "m",
                    receiptHandle: "h",
                    body: body,
                    bodyMD5: "",
                    attributes: ["SenderId": "z"],
                    messageAttributes: [
                        "k": .string("v"), "b": EventAttribute(dataType: "Binary", value: .binary([0])),
                    ],
                    messageAttributesMD5: nil
                ),
                queue: queue
            )
        }
        var dice = Dice(state: UInt64(seed) &* 6_151 &+ 3)
        var (compiled, refused) = (0, 0)
        for _ in 0..<250 {
            var bytes = Array(Self.filters[dice.roll(Self.filters.count)].utf8)
            for _ in 0..<dice.roll(4) where !bytes.isEmpty {
                let place = dice.roll(bytes.count)
                switch dice.roll(4) {
                case 0: bytes.remove(at: place)
                case 1: bytes[place] = UInt8(dice.roll(256))
                case 2: bytes.removeSubrange(place...)
                default: bytes.insert(contentsOf: Array(Self.scraps[dice.roll(Self.scraps.count)].utf8), at: place)
                }
            }
            do {
                let filter = try EventFilter([String(decoding: bytes, as: UTF8.self)])
                compiled += 1
                for record in records { _ = filter.passes(record) }
            } catch {
                refused += 1
                #expect(!error.reason.isEmpty)
            }
        }
        #expect(compiled > 20 && refused > 20)
    }
}
