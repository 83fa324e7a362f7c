// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// A piece of the guest's memory, by the addresses of all three who speak of it.
struct MemoryRegion {
    /// In the guest.
    var guestAddress: UInt64
    /// In the front end's process.
    var frontendAddress: UInt64
    var size: UInt64
    /// Here.
    var base: UnsafeMutableRawPointer

    /// Nil when an address beyond the last one would be reached.
    init?(guestAddress: UInt64, frontendAddress: UInt64, size: UInt64, base: UnsafeMutableRawPointer) {
        guard size > 0, !guestAddress.addingReportingOverflow(size).overflow,
            !frontendAddress.addingReportingOverflow(size).overflow
        else { return nil }
        self.guestAddress = guestAddress
        self.frontendAddress = frontendAddress
        self.size = size
        self.base = base
    }

    fileprivate func pointer(at offset: UInt64, length: UInt64) -> UnsafeMutableRawPointer? {
        guard offset < size, length <= size - offset else { return nil }
        return base + Int(truncatingIfNeeded: offset)
    }
}

/// The guest's memory. What lies in one region as a whole is found; nothing else is.
final class GuestMemory {
    private let regions: [MemoryRegion]
    private let mappings: [UnsafeMutableRawBufferPointer]

    /// `mappings` are unmapped when this goes.
    init(regions: [MemoryRegion], mappings: [UnsafeMutableRawBufferPointer] = []) {
        self.regions = regions
        self.mappings = mappings
    }

    deinit {
        for mapping in mappings { munmap(mapping.baseAddress, mapping.count) }
    }

    func guest(_ address: UInt64, _ length: UInt64) -> UnsafeMutableRawPointer? {
        for region in regions {
            if let pointer = region.pointer(at: address &- region.guestAddress, length: length) { return pointer }
        }
        return nil
    }

    func frontend(_ address: UInt64, _ length: UInt64) -> UnsafeMutableRawPointer? {
        for region in regions {
            if let pointer = region.pointer(at: address &- region.frontendAddress, length: length) { return pointer }
        }
        return nil
    }
}

extension GuestMemory {
    /// Maps what the front end describes, from the files that came with it, which the caller closes. Throws for a file that
    /// is shorter than it says: its missing pages would be our end. (A front end that shortens it later ends us both.)
    static func map(_ table: [MemoryDescription], from files: [FileDescriptor]) throws(ProtocolBreach) -> GuestMemory {
        guard table.count == files.count, table.count <= VsockLimits.memoryRegions else { throw ProtocolBreach() }
        var regions: [MemoryRegion] = []
        var mappings: [UnsafeMutableRawBufferPointer] = []
        for (description, file) in zip(table, files) {
            guard let mapping = description.map(file) else {
                _ = GuestMemory(regions: [], mappings: mappings)
                throw ProtocolBreach()
            }
            mappings.append(mapping)
            guard let start = mapping.baseAddress, let region = description.region(mappedAt: start) else {
                _ = GuestMemory(regions: [], mappings: mappings)
                throw ProtocolBreach()
            }
            regions.append(region)
        }
        return GuestMemory(regions: regions, mappings: mappings)
    }
}

/// A region as the front end describes it.
struct MemoryDescription: Equatable {
    var guestAddress: UInt64
    var size: UInt64
    var frontendAddress: UInt64
    /// Where in the file it begins.
    var offset: UInt64

    fileprivate func region(mappedAt start: UnsafeMutableRawPointer) -> MemoryRegion? {
        MemoryRegion(
            guestAddress: guestAddress,
            frontendAddress: frontendAddress,
            size: size,
            base: start + Int(truncatingIfNeeded: offset)
        )
    }

    /// The file from its beginning, since a region need not begin at a page, and pages have several sizes.
    fileprivate func map(_ file: FileDescriptor) -> UnsafeMutableRawBufferPointer? {
        guard size > 0, size <= VsockLimits.regionBytes, offset <= VsockLimits.regionBytes else { return nil }
        let end = Int(offset + size)
        var status = stat()
        guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, Int(status.st_size) >= end else {
            return nil
        }
        let flags = Int32(MAP_SHARED) | Int32(MAP_NORESERVE)
        guard let start = mmap(nil, end, PROT_READ | PROT_WRITE, flags, file.number, 0), start != MAP_FAILED else {
            return nil
        }
        return UnsafeMutableRawBufferPointer(start: start, count: end)
    }
}
