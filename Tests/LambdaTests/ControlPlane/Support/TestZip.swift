// SPDX-License-Identifier: Apache-2.0

/// Writes archives, honest and hostile ones.
struct TestZip {
    struct Entry {
        var name: [UInt8]
        var data: [UInt8]
        /// The whole Unix mode with the file type; 0 as archivers without modes write it.
        var mode: UInt32 = 0o100644
        var isDeflated = false
        var flags = 0
        var method: Int?
        /// What the headers claim, where it is not the truth.
        var claimedSize: Int?
        var claimedChecksum: UInt32?
        /// Sizes stand in the zip64 field.
        var isZip64 = false
        /// Points at another entry's local header.
        var sharesHeaderOf: Int?

        init(_ name: String, _ text: String = "") {
            self.name = Array(name.utf8)
            data = Array(text.utf8)
        }

        func with(_ change: (inout Entry) -> Void) -> Entry {
            var entry = self
            change(&entry)
            return entry
        }

        static func directory(_ name: String) -> Entry { Entry(name).with { $0.mode = 0o040755 } }
        static func link(_ name: String, to target: String) -> Entry { Entry(name, target).with { $0.mode = 0o120777 } }
        static func executable(_ name: String, _ text: String) -> Entry {
            Entry(name, text).with { $0.mode = 0o100755 }
        }
    }

    var entries: [Entry] = []
    var stub: [UInt8] = []
    var claimedEntries: Int?

    init(_ entries: Entry...) { self.entries = entries }
    init(_ entries: [Entry]) { self.entries = entries }

    /// A package with one Python file.
    static func function(_ source: String = "def handler(event, context):\n    return event\n") -> [UInt8] {
        TestZip(Entry("handler.py", source)).bytes
    }

    var bytes: [UInt8] {
        var body: [UInt8] = []
        var offsets: [Int] = []
        for entry in entries {
            offsets.append(body.count)
            body += localHeader(entry) + packed(entry)
        }
        var directory: [UInt8] = []
        for (index, entry) in entries.enumerated() {
            directory += centralHeader(entry, offset: offsets[entry.sharesHeaderOf ?? index])
        }
        let count = claimedEntries ?? entries.count
        let end =
            u32(0x0605_4b50) + u16(0) + u16(0) + u16(count) + u16(count) + u32(directory.count) + u32(body.count)
            + u16(0)
        return stub + body + directory + end
    }

    private func packed(_ entry: Entry) -> [UInt8] {
        guard entry.isDeflated else { return entry.data }
        // One stored block: legal deflate data without a compressor.
        let count = entry.data.count
        return [1] + u16(count) + u16(~count & 0xffff) + entry.data
    }

    private func method(_ entry: Entry) -> Int { entry.method ?? (entry.isDeflated ? 8 : 0) }

    private func localHeader(_ entry: Entry) -> [UInt8] {
        u32(0x0403_4b50) + u16(20) + u16(entry.flags) + u16(method(entry)) + u32(0) + u32(Int(checksum(entry)))
            + u32(packed(entry).count) + u32(size(entry)) + u16(entry.name.count) + u16(0) + entry.name
    }

    private func centralHeader(_ entry: Entry, offset: Int) -> [UInt8] {
        let extra = entry.isZip64 ? u16(1) + u16(16) + u64(size(entry)) + u64(packed(entry).count) : []
        let sizes = entry.isZip64 ? u32(0xffff_ffff) + u32(0xffff_ffff) : u32(packed(entry).count) + u32(size(entry))
        return u32(0x0201_4b50) + u16(3 << 8 | 20) + u16(20) + u16(entry.flags) + u16(method(entry)) + u32(0)
            + u32(Int(checksum(entry))) + sizes + u16(entry.name.count) + u16(extra.count) + u16(0) + u16(0) + u16(0)
            + u32(Int(entry.mode) << 16) + u32(offset) + entry.name + extra
    }

    private func size(_ entry: Entry) -> Int { entry.claimedSize ?? entry.data.count }
    private func checksum(_ entry: Entry) -> UInt32 { entry.claimedChecksum ?? Self.crc32(entry.data) }

    private func u16(_ value: Int) -> [UInt8] { bytes(value, 2) }
    private func u32(_ value: Int) -> [UInt8] { bytes(value, 4) }
    private func u64(_ value: Int) -> [UInt8] { bytes(value, 8) }
    private func bytes(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    private static func crc32(_ data: [UInt8]) -> UInt32 {
        ~data.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xedb8_8320 : 0) }
        }
    }
}
