// SPDX-License-Identifier: Apache-2.0

/// Finds and reads the central directory of a zip file, the only list of entries that counts: what local headers say is used
/// for nothing but finding the data. Multi-volume and encrypted archives are refused.
struct ZipDirectory {
    private let file: LittleEndianBytes
    private let limits: PackageLimits
    private var bounds: Bounds

    /// Where the central directory lies. `base` is the length of what stands before the archive (a self-extracting stub).
    private struct Bounds {
        var start: Int
        var end: Int
        var base: Int
        var entries: Int
    }

    init(_ file: LittleEndianBytes, _ limits: PackageLimits) throws {
        self.file = file
        self.limits = limits
        bounds = try Self.locate(in: file)
        guard bounds.entries > 0 else { throw PackageFault(kind: .empty, reason: "the archive has no entries") }
        guard bounds.entries <= limits.entries else { throw PackageFault.broken("the archive has too many entries") }
    }

    func entries() throws -> [ZipEntry] {
        var entries: [ZipEntry] = []
        entries.reserveCapacity(bounds.entries)
        var position = bounds.start
        while position < bounds.end {
            guard entries.count < bounds.entries else { throw PackageFault.broken("more entries than announced") }
            entries.append(try entry(at: &position))
        }
        guard position == bounds.end, entries.count == bounds.entries else {
            throw PackageFault.broken("the central directory is cut off")
        }
        try refuseOverlaps(entries)
        return entries
    }
}

// MARK: - Locating

extension ZipDirectory {
    private static let endLength = 22

    /// The end record stands last, followed by a comment of at most 65,535 bytes that it announces.
    private static func locate(in file: LittleEndianBytes) throws -> Bounds {
        let last = file.count - endLength
        guard last >= 0 else { throw PackageFault.broken("too short for an archive") }
        for position in stride(from: last, through: max(0, last - 0xffff), by: -1) where file.bytes[position] == 0x50 {
            guard try file.uint32(position) == 0x0605_4b50, try file.uint16(position + 20) == last - position else {
                continue
            }
            return try bounds(in: file, endRecord: position)
        }
        throw PackageFault.broken("no end record")
    }

    private static func bounds(in file: LittleEndianBytes, endRecord end: Int) throws -> Bounds {
        let disks = try (file.uint16(end + 4), file.uint16(end + 6))
        let entries = try file.uint16(end + 10)
        let (size, offset) = try (file.uint32(end + 12), file.uint32(end + 16))
        if entries == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff,
            let wide = try zip64(in: file, before: end)
        {
            return wide
        }
        guard disks == (0, 0) else { throw PackageFault.broken("the archive has several volumes") }
        return try bounds(size: size, offset: offset, entries: entries, before: end)
    }

    /// Nil when no zip64 locator stands in front of the end record.
    private static func zip64(in file: LittleEndianBytes, before end: Int) throws -> Bounds? {
        let locator = end - 20
        guard locator >= 56, try file.uint32(locator) == 0x0706_4b50 else { return nil }
        let announced = try file.uint64(locator + 8)
        // A stub in front shifts the announced offset; then the record stands right before its locator.
        let record = announced < locator - 55 && isZip64Record(file, announced) ? announced : locator - 56
        guard isZip64Record(file, record) else { throw PackageFault.broken("no zip64 end record") }
        guard try file.uint32(record + 16) == 0, try file.uint32(record + 20) == 0 else {
            throw PackageFault.broken("the archive has several volumes")
        }
        return try bounds(
            size: file.uint64(record + 40),
            offset: file.uint64(record + 48),
            entries: file.uint64(record + 32),
            before: record
        )
    }

    private static func isZip64Record(_ file: LittleEndianBytes, _ position: Int) -> Bool {
        (try? file.uint32(position)) == 0x0606_4b50  // out of bounds is simply not a record
    }

    private static func bounds(size: Int, offset: Int, entries: Int, before end: Int) throws -> Bounds {
        guard size <= end, offset <= end - size else {
            throw PackageFault.broken("the central directory is out of bounds")
        }
        return Bounds(start: end - size, end: end, base: end - size - offset, entries: entries)
    }
}

// MARK: - Entries

extension ZipDirectory {
    private struct Sizes {
        var unpacked: Int
        var packed: Int
        var offset: Int
    }

    private func entry(at position: inout Int) throws -> ZipEntry {
        let header = position
        guard header <= bounds.end - 46, try file.uint32(header) == 0x0201_4b50 else {
            throw PackageFault.broken("an entry of the central directory is damaged")
        }
        let (nameLength, extraLength) = try (file.uint16(header + 28), file.uint16(header + 30))
        let end = header + 46 + nameLength + extraLength + (try file.uint16(header + 32))
        guard end <= bounds.end else { throw PackageFault.broken("the central directory is cut off") }
        position = end
        let sizes = try sizes(header, extra: header + 46 + nameLength, extraLength)
        let name = try file.slice(header + 46, nameLength)
        return ZipEntry(
            path: try ZipPath.normalize(name, limits),
            kind: try kind(header, isNamedDirectory: name.last == ZipPath.slash),
            method: try method(header),
            size: sizes.unpacked,
            checksum: UInt32(truncatingIfNeeded: try file.uint32(header + 16)),
            headerOffset: sizes.offset,
            packed: try packedRange(sizes)
        )
    }

    private func method(_ header: Int) throws -> ZipEntry.Method {
        // Bits 0, 6 and 13: encryption in its forms.
        guard try file.uint16(header + 8) & 0x2041 == 0 else { throw PackageFault.broken("an entry is encrypted") }
        switch try file.uint16(header + 10) {
        case 0: return .stored
        case 8: return .deflated
        case let other: throw PackageFault.broken("compression method \(other) is not supported")
        }
    }

    /// The upper half of the external attributes is the Unix mode; 0 where the archiver knew none.
    private func kind(_ header: Int, isNamedDirectory: Bool) throws -> ZipEntry.Kind {
        let mode = try file.uint32(header + 38) >> 16
        switch mode & 0o170000 {
        case 0o040000: return .directory
        case 0, 0o100000: return isNamedDirectory ? .directory : .file(isExecutable: mode & 0o111 != 0)
        case 0o120000 where !isNamedDirectory: return .link
        default: throw PackageFault.broken("an entry is neither file, directory nor link")
        }
    }

    /// Sizes that do not fit 32 bits stand in the zip64 extra field, in this order, each only if its place says so.
    private func sizes(_ header: Int, extra: Int, _ extraLength: Int) throws -> Sizes {
        var sizes = Sizes(
            unpacked: try file.uint32(header + 24),
            packed: try file.uint32(header + 20),
            offset: try file.uint32(header + 42)
        )
        let wide = [sizes.unpacked, sizes.packed, sizes.offset].map { $0 == 0xffff_ffff }
        guard wide.contains(true), var position = try zip64Field(extra, extraLength) else { return try based(sizes) }
        if wide[0] { sizes.unpacked = try next(&position) }
        if wide[1] { sizes.packed = try next(&position) }
        if wide[2] { sizes.offset = try next(&position) }
        return try based(sizes)
    }

    private func next(_ position: inout Int) throws -> Int {
        defer { position += 8 }
        return try file.uint64(position)
    }

    private func based(_ sizes: Sizes) throws -> Sizes {
        guard sizes.offset <= bounds.start - bounds.base else { throw PackageFault.broken("an entry is out of bounds") }
        var sizes = sizes
        sizes.offset += bounds.base
        return sizes
    }

    private func zip64Field(_ start: Int, _ length: Int) throws -> Int? {
        var position = start
        while position + 4 <= start + length {
            if try file.uint16(position) == 1 { return position + 4 }
            position += 4 + (try file.uint16(position + 2))
        }
        return nil
    }

    private func packedRange(_ sizes: Sizes) throws -> Range<Int> {
        guard try file.uint32(sizes.offset) == 0x0403_4b50 else {
            throw PackageFault.broken("a local header is damaged")
        }
        let start = sizes.offset + 30 + (try file.uint16(sizes.offset + 26)) + (try file.uint16(sizes.offset + 28))
        guard start <= bounds.start, sizes.packed <= bounds.start - start else {
            throw PackageFault.broken("an entry is out of bounds")
        }
        return start..<(start + sizes.packed)
    }

    /// Entries that share bytes are how a small file becomes a huge one.
    private func refuseOverlaps(_ entries: [ZipEntry]) throws {
        let ordered = entries.sorted { $0.headerOffset < $1.headerOffset }
        for (entry, next) in zip(ordered, ordered.dropFirst()) where entry.packed.upperBound > next.headerOffset {
            throw PackageFault.broken("entries overlap")
        }
    }
}
