// SPDX-License-Identifier: Apache-2.0

@testable import NineP

/// The fields of a message, in its order.
struct Fields {
    private(set) var bytes: [UInt8] = []

    func with<Number: FixedWidthInteger>(_ number: Number) -> Fields {
        var copy = self
        withUnsafeBytes(of: number.littleEndian) { copy.bytes += $0 }
        return copy
    }

    func with(_ text: String) -> Fields { with(text: Array(text.utf8)) }

    func with(text: [UInt8]) -> Fields {
        var copy = with(UInt16(text.count))
        copy.bytes += text
        return copy
    }

    /// A walk's fields.
    static func walk(_ fid: UInt32, _ newFid: UInt32, _ names: [String]) -> Fields {
        names.reduce(Fields().with(fid).with(newFid).with(UInt16(names.count))) { $0.with($1) }
    }

    static func attach(_ fid: UInt32, _ name: String, authentication: UInt32 = .max) -> Fields {
        Fields().with(fid).with(authentication).with("root").with(name).with(UInt32.max)
    }

    /// The whole message.
    func message(_ type: UInt8, tag: UInt16 = 1) -> [UInt8] {
        Fields().with(UInt32(7 + bytes.count)).with(type).with(tag).bytes + bytes
    }

    func message(_ type: MessageType, tag: UInt16 = 1) -> [UInt8] { message(type.rawValue, tag: tag) }
}

/// Takes an answer apart; a field that is not there is 0.
struct Answer {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func next<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
        var number = Number.zero
        for (place, byte) in rest.prefix(MemoryLayout<Number>.size).enumerated() {
            number |= Number(truncatingIfNeeded: byte) << (8 * place)
        }
        rest = rest.dropFirst(MemoryLayout<Number>.size)
        return number
    }

    mutating func text() -> [UInt8] {
        let count = Int(next(UInt16.self))
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func qid() -> Qid {
        let kind = Qid.Kind(rawValue: next()) ?? .file
        let version = next(UInt32.self)
        return Qid(kind: kind, version: version, path: next())
    }
}
