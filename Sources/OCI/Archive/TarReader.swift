// SPDX-License-Identifier: Apache-2.0

/// Reads a tar archive that arrives in pieces. A pure state machine: what it finds goes to a `TarSink`.
///
/// Long names come in pax and GNU extended headers. Nothing is read twice and nothing is kept but one header.
struct TarReader {
    private enum State {
        case header
        /// Of an entry that has been begun.
        case content(left: Int, padding: Int)
        /// Of an extended header of that type.
        case extended(type: UInt8, left: Int, padding: Int)
        /// Content of something that is not wanted, and padding.
        case skipping(left: Int)
        /// After the mark; what else comes is ignored.
        case ended
    }

    private var state = State.header
    private var collected: [UInt8] = []
    private var extensions = TarExtensions()
    private var extendedBytes = 0
    private var entries = 0
    private let limits: ImageLimits

    /// `entriesBefore`: of the layers below, as they share one limit.
    init(limits: ImageLimits, entriesBefore: Int = 0) {
        self.limits = limits
        entries = entriesBefore
    }

    /// With those before.
    var entryCount: Int { entries }

    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ sink: inout some TarSink) throws {
        var rest = bytes
        while !rest.isEmpty {
            let used = try step(rest, &sink)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(used))
        }
    }

    /// The archive is at its end. Some tools leave out the mark, so only what is cut short is refused.
    func finish() throws(ImageFault) {
        switch state {
        case .ended: return
        case .header where collected.isEmpty && extensions.isEmpty: return
        default: throw .invalid("an archive is cut short")
        }
    }

    /// Returns how many bytes were taken.
    private mutating func step(_ bytes: UnsafeRawBufferPointer, _ sink: inout some TarSink) throws -> Int {
        switch state {
        case .ended:
            return bytes.count
        case .header:
            let piece = bytes.prefix(TarHeader.length - collected.count)
            collected.append(contentsOf: piece)
            if collected.count == TarHeader.length { try takeHeader(&sink) }
            return piece.count
        case .content(let left, let padding):
            let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(left))
            if !piece.isEmpty { try sink.content(piece) }
            state = .content(left: left - piece.count, padding: padding)
            if left == piece.count {
                try sink.end()
                skip(padding)
            }
            return piece.count
        case .extended(let type, let left, let padding):
            let piece = bytes.prefix(left)
            collected.append(contentsOf: piece)
            state = .extended(type: type, left: left - piece.count, padding: padding)
            if left == piece.count { try takeExtension(type, padding) }
            return piece.count
        case .skipping(let left):
            let count = min(left, bytes.count)
            skip(left - count)
            return count
        }
    }

    private mutating func skip(_ count: Int) { state = count == 0 ? .header : .skipping(left: count) }

    private mutating func takeHeader(_ sink: inout some TarSink) throws {
        defer { collected.removeAll(keepingCapacity: true) }
        guard let header = try TarHeader(collected) else {
            state = .ended
            return
        }
        switch header.type {
        case UInt8(ascii: "x"), UInt8(ascii: "L"), UInt8(ascii: "K"): try beginExtension(header)
        // Global attributes: comments of the tools that wrote the archive.
        case UInt8(ascii: "g"):
            try countExtension(header.size)
            skip(header.size + Self.padding(header.size))
        default: try beginEntry(header, &sink)
        }
    }

    private static func padding(_ size: Int) -> Int { (TarHeader.length - size % TarHeader.length) % TarHeader.length }

    private mutating func countExtension(_ size: Int) throws(ImageFault) {
        guard size <= limits.headerBytes - extendedBytes else {
            throw ImageFault(.tooLarge, "an entry's extended headers are too long")
        }
        extendedBytes += size
    }

    private mutating func beginExtension(_ header: TarHeader) throws {
        try countExtension(header.size)
        guard header.size > 0 else { throw ImageFault.invalid("an extended header is empty") }
        state = .extended(type: header.type, left: header.size, padding: Self.padding(header.size))
    }

    private mutating func takeExtension(_ type: UInt8, _ padding: Int) throws {
        switch type {
        case UInt8(ascii: "L"): extensions.path = TarHeader.text(collected[...])
        case UInt8(ascii: "K"): extensions.linkTarget = TarHeader.text(collected[...])
        default: try extensions.addRecords(collected)
        }
        extensions.isEmpty = false
        collected.removeAll()
        skip(padding)
    }

    private mutating func beginEntry(_ header: TarHeader, _ sink: inout some TarSink) throws {
        entries += 1
        guard entries <= limits.entries else {
            throw ImageFault(.tooLarge, "the image has more than \(limits.entries) files")
        }
        let entry = try entry(header)
        guard entry.size <= limits.unpackedBytes else {
            throw ImageFault(.tooLarge, "a file is larger than an image may be")
        }
        extensions = TarExtensions()
        extendedBytes = 0
        try sink.begin(entry)
        if entry.kind == .file, entry.size > 0 {
            state = .content(left: entry.size, padding: Self.padding(entry.size))
        } else {
            try sink.end()
            // Nothing follows a link, a directory or a device, even where its writer has noted a size.
            skip(0)
        }
    }

    private func entry(_ header: TarHeader) throws(ImageFault) -> TarEntry {
        let path = extensions.path ?? header.name
        let kind = try Self.kind(header.type, path)
        return TarEntry(
            path: path,
            kind: kind,
            linkTarget: extensions.linkTarget ?? header.linkTarget,
            size: kind == .file ? extensions.size ?? header.size : 0,
            mode: header.mode,
            modified: min(max(extensions.modified ?? header.modified, 0), 1 << 33)
        )
    }

    private static func kind(_ type: UInt8, _ path: [UInt8]) throws(ImageFault) -> TarEntry.Kind {
        switch type {
        // The old form has no type for directories.
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): return path.last == UInt8(ascii: "/") ? .directory : .file
        case UInt8(ascii: "1"): return .hardLink
        case UInt8(ascii: "2"): return .symbolicLink
        case UInt8(ascii: "3"), UInt8(ascii: "4"), UInt8(ascii: "6"): return .special
        case UInt8(ascii: "5"): return .directory
        case UInt8(ascii: "S"):
            throw ImageFault(.unsupported, "a layer holds sparse files in GNU's form, which Martlet does not read")
        default: throw .invalid("an entry has the unknown type \(type)")
        }
    }
}
