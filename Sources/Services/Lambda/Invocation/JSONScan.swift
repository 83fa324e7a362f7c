// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Whether bytes are one well-formed JSON text. No tree, no allocation: an event's payload passes as bytes, but AWS refuses
/// one that no handler could parse.
struct JSONScan {
    /// As deep as an event may nest; no handler's parser goes further.
    private static let maximumDepth = 512

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    static func isWellFormed(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            var scan = JSONScan(bytes: bytes)
            return scan.document()
        }
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// An explicit stack of open brackets as bits, so that hostile nesting costs no recursion.
    private mutating func document() -> Bool {
        var isObject = [Bool]()
        while true {
            skipSpace()
            guard let next = peek else { return false }
            if next == 0x7b || next == 0x5b {
                guard isObject.count < Self.maximumDepth else { return false }
                position += 1
                skipSpace()
                guard peek == next + 2 else {
                    isObject.append(next == 0x7b)
                    if next == 0x7b { guard key() else { return false } }
                    continue
                }
                position += 1
            } else {
                guard scalar(next) else { return false }
            }
            guard let isDone = closeOrContinue(&isObject) else { return false }
            if isDone { return true }
        }
    }

    /// After a value: closes brackets, or steps over a comma. True at the end of the text, nil on an error.
    private mutating func closeOrContinue(_ isObject: inout [Bool]) -> Bool? {
        while true {
            skipSpace()
            guard let innermost = isObject.last else { return peek == nil ? true : nil }
            switch peek {
            case 0x2c:
                position += 1
                if innermost {
                    skipSpace()
                    guard key() else { return nil }
                }
                return false
            case innermost ? 0x7d : 0x5d:
                position += 1
                isObject.removeLast()
            default:
                return nil
            }
        }
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func key() -> Bool {
        guard peek == 0x22, string() else { return false }
        skipSpace()
        guard peek == 0x3a else { return false }
        position += 1
        return true
    }

    private mutating func scalar(_ first: UInt8) -> Bool {
        switch first {
        case 0x22: string()
        case 0x74: word("true")
        case 0x66: word("false")
        case 0x6e: word("null")
        default: number()
        }
    }

    private mutating func word(_ word: StaticString) -> Bool {
        guard bytes.count - position >= word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] { return false }
        position += word.utf8CodeUnitCount
        return true
    }

    private mutating func string() -> Bool {
        position += 1
        while let byte = peek {
            position += 1
            switch byte {
            case 0x22: return true
            case 0x5c: guard escape() else { return false }
            case 0..<0x20: return false
            default: break
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        guard let byte = peek else { return false }
        position += 1
        switch byte {
        case 0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74: return true
        case 0x75:
            guard bytes.count - position >= 4 else { return false }
            defer { position += 4 }
            return bytes[position..<position + 4].allSatisfy {
                ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x66)
            }
        default: return false
        }
    }

    private mutating func number() -> Bool {
        if peek == 0x2d { position += 1 }
        if peek == 0x30 { position += 1 } else { guard digits() else { return false } }
        if peek == 0x2e {
            position += 1
            guard digits() else { return false }
        }
        if peek == 0x65 || peek == 0x45 {
            position += 1
            if peek == 0x2b || peek == 0x2d { position += 1 }
            guard digits() else { return false }
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = position
        while let byte = peek, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position > start
    }
}
