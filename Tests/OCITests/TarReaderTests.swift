// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import OCI

@Suite("The tar reader") struct TarReaderTests {
    private static func sample() -> [UInt8] {
        var tar = TarWriter()
        tar.add("dir/", type: "5", mode: 0o755)
        tar.add("dir/file", String(repeating: "x", count: 700))
        tar.add("link", type: "2", link: "dir/file")
        tar.addPax([("path", "long/" + String(repeating: "n", count: 200)), ("mtime", "1234.5")])
        tar.add("short", "pax")
        tar.add("././@LongLink", type: "L", content: Array((String(repeating: "g", count: 150) + "\0").utf8))
        tar.add("short", "gnu")
        tar.add("device", type: "3")
        tar.add("empty")
        return tar.ended
    }

    @Test(
        "finds the same whatever the pieces are that the archive comes in",
        arguments: [1, 7, 511, 512, 513, 1 << 20]
    )
    func pieces(length: Int) throws {
        let record = try Record(Self.sample(), piece: length)
        let names = record.entries.map { String(decoding: $0.path, as: UTF8.self) }
        #expect(
            names == [
                "dir/", "dir/file", "link", "long/" + String(repeating: "n", count: 200),
                String(repeating: "g", count: 150), "device", "empty",
            ]
        )
        #expect(record.entries.map(\.kind) == [.directory, .file, .symbolicLink, .file, .file, .special, .file])
        #expect(record.contents.map(\.count) == [0, 700, 0, 3, 3, 0, 0])
        #expect(record.entries[3].modified == 1_234 && record.entries[1].modified == 1_600_000_000)
    }

    @Test("refuses an archive that is cut short anywhere but between entries") func truncation() {
        let bytes = Self.sample()
        for length in stride(from: 1, to: bytes.count - 1_024, by: 97) where length % 512 != 0 {
            #expect(throws: ImageFault.self) { try Record(Array(bytes.prefix(length))) }
        }
    }

    @Test("refuses headers that make no sense") func malformed() {
        var wrongSum = Self.sample()
        wrongSum[0] ^= 1
        #expect(throws: ImageFault.self) { try Record(wrongSum) }
        for records in [[("size", "-1")], [("size", "99999999999999999999")], [("GNU.sparse.major", "1")]] {
            var tar = TarWriter()
            tar.addPax(records)
            tar.add("a")
            #expect(throws: ImageFault.self) { try Record(tar.ended) }
        }
        for text in ["", "9", "0 a=b\n", "99 a=b\n", "7 a=b\n", "x a=b\n", "5 ab\n", "000000000000006 a=b\n"] {
            var tar = TarWriter()
            tar.add("pax", type: "x", content: Array(text.utf8))
            tar.add("a")
            #expect(throws: ImageFault.self) { try Record(tar.ended) }
        }
        for type in ["S", "Z", "9"] as [Character] {
            var tar = TarWriter()
            tar.add("a", type: type)
            #expect(throws: ImageFault.self) { try Record(tar.ended) }
        }
    }

    @Test("holds to its limits on entries and on what comes before one") func limits() {
        var limits = ImageLimits()
        limits.entries = 3
        limits.headerBytes = 1_000
        var many = TarWriter()
        for index in 0..<4 { many.add("f\(index)") }
        #expect(throws: ImageFault(.tooLarge, "the image has more than 3 files")) {
            try Record(many.ended, limits: limits)
        }
        var long = TarWriter()
        for _ in 0..<3 {
            long.add("pax", type: "x", content: Array("400 path=".utf8) + [UInt8](repeating: 0x61, count: 390) + [0x0a])
        }
        #expect(throws: ImageFault.self) { try Record(long.ended, limits: limits) }
        var endless = TarWriter()
        endless.add("long", type: "L", size: 0o77777777777)
        #expect(throws: ImageFault.self) { try Record(endless.bytes, limits: limits) }
    }

    @Test("survives rubbish: it throws or finds something, and never traps") func fuzz() {
        var generator = SystemRandomNumberGenerator()
        let sample = Self.sample()
        for round in 0..<3_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            // Half of the rounds get past the checksum.
            if round % 2 == 0 { Self.repairSums(&bytes) }
            _ = try? Record(bytes, piece: Int.random(in: 1...2_000, using: &generator))
        }
    }

    private static func repairSums(_ bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count - 511, by: 512) where bytes[start + 257] == UInt8(ascii: "u") {
            for index in 148..<156 { bytes[start + index] = 0x20 }
            let sum = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
            for (index, byte) in (String(repeating: "0", count: 6 - sum.count) + sum).utf8.enumerated() {
                bytes[start + 148 + index] = byte
            }
            bytes[start + 154] = 0
        }
    }
}
