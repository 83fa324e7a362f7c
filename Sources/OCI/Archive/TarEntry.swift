// SPDX-License-Identifier: Apache-2.0

/// One entry of an archive, as its headers describe it. Nothing about it has been checked but its form.
struct TarEntry: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case file
        case directory
        case symbolicLink
        case hardLink
        /// A device or a pipe: never made.
        case special
    }

    var path: [UInt8]
    var kind: Kind
    var linkTarget: [UInt8]
    /// Bytes of content that follow; 0 for anything but a file.
    var size: Int
    /// Permission bits with set-user-id and the like.
    var mode: UInt32
    /// Seconds since 1970.
    var modified: Int
}

/// Receives what a `TarReader` finds, in the archive's order.
protocol TarSink {
    mutating func begin(_ entry: TarEntry) throws
    /// A piece of the entry that was begun last.
    mutating func content(_ piece: UnsafeRawBufferPointer) throws
    mutating func end() throws
}

/// One block of 512 bytes that describes an entry: ustar, GNU's or the old form.
struct TarHeader: Sendable {
    static let length = 512

    var name: [UInt8]
    var linkTarget: [UInt8]
    var size: Int
    var mode: UInt32
    var modified: Int
    var type: UInt8

    /// Nil for a block of zeros, which ends an archive.
    init?(_ block: [UInt8]) throws(ImageFault) {
        guard block.count == Self.length else { throw .invalid("a header is cut short") }
        if block.allSatisfy({ $0 == 0 }) { return nil }
        guard Self.hasRightSum(block) else { throw .invalid("a header's checksum is wrong") }
        name = Self.text(block[0..<100])
        linkTarget = Self.text(block[157..<257])
        mode = UInt32(truncatingIfNeeded: try Self.number(block[100..<108])) & 0o7777
        size = try Self.number(block[124..<136])
        // A time that makes no sense is no reason to refuse an image.
        modified = (try? Self.number(block[136..<148])) ?? 0
        type = block[156]
        // GNU's form has other things where ustar keeps the first part of a long name.
        if Array(block[257..<263]) == Array("ustar\0".utf8) {
            let prefix = Self.text(block[345..<500])
            if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
        }
    }

    /// The sum of all bytes, the checksum's own taken as spaces.
    private static func hasRightSum(_ block: [UInt8]) -> Bool {
        let sum = block.reduce(0) { $0 + Int($1) } - block[148..<156].reduce(0) { $0 + Int($1) } + 8 * 0x20
        return (try? number(block[148..<156])) == sum
    }

    static func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

    /// Octal digits, or GNU's binary form for what does not fit.
    static func number(_ field: ArraySlice<UInt8>) throws(ImageFault) -> Int {
        guard let first = field.first else { return 0 }
        if first & 0x80 != 0 { return try binary(field) }
        var value = 0
        let digits = field.drop { $0 == 0x20 || $0 == 0 }.prefix { $0 != 0x20 && $0 != 0 }
        for digit in digits {
            guard (0x30...0x37).contains(digit), value < 1 << 58 else { throw .invalid("a number is malformed") }
            value = value << 3 | Int(digit - 0x30)
        }
        return value
    }

    private static func binary(_ field: ArraySlice<UInt8>) throws(ImageFault) -> Int {
        guard let first = field.first, first == 0x80 else { throw .invalid("a number is negative or too large") }
        var value = 0
        for byte in field.dropFirst() {
            guard value < 1 << 54 else { throw .invalid("a number is too large") }
            value = value << 8 | Int(byte)
        }
        return value
    }
}

/// What extended headers say about the entry that follows them.
struct TarExtensions: Sendable {
    var path: [UInt8]?
    var linkTarget: [UInt8]?
    var size: Int?
    var modified: Int?
    var isEmpty = true

    /// Records of the form `LENGTH KEY=VALUE\n`.
    mutating func addRecords(_ bytes: [UInt8]) throws(ImageFault) {
        isEmpty = false
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...9).contains(digits.count), let length = Int(String(decoding: digits, as: UTF8.self)),
                length > digits.count + 2, length <= rest.count, rest.dropFirst(digits.count).first == 0x20,
                rest.prefix(length).last == 0x0a
            else { throw .invalid("an extended header is malformed") }
            let record = rest.prefix(length - 1).dropFirst(digits.count + 1)
            guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else {
                throw .invalid("an extended header has a record without a value")
            }
            try add(String(decoding: record[..<equals], as: UTF8.self), Array(record[record.index(after: equals)...]))
            rest = rest.dropFirst(length)
        }
    }

    private mutating func add(_ key: String, _ value: [UInt8]) throws(ImageFault) {
        switch key {
        case "path": path = value
        case "linkpath": linkTarget = value
        case "size":
            guard value.count <= 18, let number = Int(String(decoding: value, as: UTF8.self)), number >= 0 else {
                throw .invalid("an extended header's size is malformed")
            }
            size = number
        case "mtime": modified = Int(String(decoding: value.prefix { $0 != 0x2e }, as: UTF8.self))
        case let key where key.hasPrefix("GNU.sparse."):
            throw ImageFault(.unsupported, "a layer holds sparse files in GNU's form, which Martlet does not read")
        default: return  // owners, attributes: nothing that is kept
        }
    }
}
