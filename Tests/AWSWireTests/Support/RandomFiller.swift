// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// Fills a shape with random values that every protocol of its service can carry.
final class RandomFiller: ShapeCoder {
    private var random: Seeded
    private var depth = 0
    /// The first member of a structure is always set: forms and XML do not know an empty one from an absent one.
    private var mustSet = true

    init(seed: UInt64) { random = Seeded(seed) }

    static func fill(_ type: any Shape.Type, seed: UInt64) throws -> any Shape {
        let filler = RandomFiller(seed: seed)
        var shape = type.init()
        try shape.code(filler)
        return shape
    }

    private func chooses(_ field: Field) -> Bool {
        let must = mustSet
        mustSet = false
        if must || field.isRequired || field.place == .path { return true }
        return depth < 5 && Int.random(in: 0..<10, using: &random) < 7
    }

    private func element<E: WireValue>(_ field: Field) throws -> E? {
        var some: E?
        mustSet = true
        depth += 1
        try E.code(&some, field, self)
        depth -= 1
        mustSet = false
        return some
    }

    private func text(_ field: Field) -> String {
        let everything = Array("abcXYZ019 -_.:/%+&=<>\"'\\{}[]éß漢字🦜\n\t")
        let plain = Array("abcXYZ019-_.:/%+&=<>'{}[]")
        let letters = field.place == .body || field.place == .query ? everything : plain
        return String(
            (0..<Int.random(in: 1...12, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" }
        )
    }

    func string(_ value: inout String?, _ field: Field) throws { if chooses(field) { value = text(field) } }
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {
        if chooses(field) { value = E(E.allValues.randomElement(using: &random) ?? "X") }
    }
    func int(_ value: inout Int?, _ field: Field) throws {
        guard chooses(field) else { return }
        value = field.place == .status ? 200 : Int.random(in: Int.min...Int.max, using: &random)
    }
    func double(_ value: inout Double?, _ field: Field) throws {
        if chooses(field) { value = Double.random(in: -1e9...1e9, using: &random) }
    }
    func bool(_ value: inout Bool?, _ field: Field) throws { if chooses(field) { value = Bool.random(using: &random) } }
    func timestamp(_ value: inout Instant?, _ field: Field) throws {
        guard chooses(field) else { return }
        let seconds = Int64.random(in: 0...4_000_000_000, using: &random)
        // HTTP dates and ISO dates in the query have no fractions.
        let rest = field.place == .body ? Int64.random(in: 0...999, using: &random) : 0
        value = Instant(milliseconds: seconds * 1_000 + rest)
    }
    func blob(_ value: inout Blob?, _ field: Field) throws {
        guard chooses(field) else { return }
        value = Blob(
            bytes: (0..<Int.random(in: 1...20, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
        )
    }
    func document(_ value: inout JSONValue?, _ field: Field) throws {
        if chooses(field) { value = .object([.init("a", .array([.integer(1), .null, .string("é")]))]) }
    }
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {
        guard chooses(field) else { return }
        depth += 1
        mustSet = depth < 8
        var some = S()
        try some.code(self)
        depth -= 1
        mustSet = false
        value = some
    }
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {
        guard chooses(field) else { return }
        // A list in a header or the query cannot be there and empty.
        let least = field.place == .body ? 0 : 1
        value = try (0..<Int.random(in: least...3, using: &random)).compactMap { _ in try element(field.element) }
    }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {
        guard chooses(field) else { return }
        var map: [String: V] = [:]
        for _ in 0..<Int.random(in: 1...3, using: &random) { map[text(field.key)] = try element(field.value) }
        value = map
    }
    func bytes(_ value: inout ByteStream?, _ field: Field) throws { value = .buffer(ByteBuffer(string: text(field))) }
    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws {
        value = EventStream(AsyncThrowingStream { $0.finish() })
    }
}
