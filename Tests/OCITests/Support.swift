// SPDX-License-Identifier: Apache-2.0
import CZlib
import Glibc
import LinuxSystem

@testable import OCI

/// Writes tar archives, those too that no tool would write.
struct TarWriter {
    var bytes: [UInt8] = []

    mutating func add(
        _ name: String,
        type: Character = "0",
        link: String = "",
        mode: Int = 0o644,
        size: Int? = nil,
        content: [UInt8] = []
    ) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int, _ width: Int) {
            for (index, byte) in text.utf8.prefix(width).enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, at: 0, 100)
        put(octal(mode, 7), at: 100, 7)
        put(octal(size ?? content.count, 11), at: 124, 11)
        put(octal(1_600_000_000, 11), at: 136, 11)
        block[156] = type.asciiValue ?? 0
        put(link, at: 157, 100)
        put("ustar\0" + "00", at: 257, 8)
        put("        ", at: 148, 8)
        put(octal(block.reduce(0) { $0 + Int($1) }, 6) + "\0 ", at: 148, 8)
        bytes += block + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func add(_ name: String, _ text: String) { add(name, content: Array(text.utf8)) }

    mutating func addPax(_ records: [(String, String)]) {
        var text = ""
        for (key, value) in records {
            var length = key.utf8.count + value.utf8.count + 3
            while String(length).count + key.utf8.count + value.utf8.count + 3 != length {
                length = String(length).count + key.utf8.count + value.utf8.count + 3
            }
            text += "\(length) \(key)=\(value)\n"
        }
        add("pax", type: "x", content: Array(text.utf8))
    }

    var ended: [UInt8] { bytes + [UInt8](repeating: 0, count: 1_024) }
}

/// Remembers what a reader finds.
struct Record: TarSink {
    var entries: [TarEntry] = []
    var contents: [[UInt8]] = []

    mutating func begin(_ entry: TarEntry) {
        entries.append(entry)
        contents.append([])
    }
    mutating func content(_ piece: UnsafeRawBufferPointer) { contents[contents.count - 1] += piece }
    mutating func end() {}

    /// Feeds `bytes` in pieces of that length.
    init(_ bytes: [UInt8], piece: Int = 1 << 20, limits: ImageLimits = ImageLimits()) throws {
        var reader = TarReader(limits: limits)
        var rest = bytes[...]
        while !rest.isEmpty {
            try rest.prefix(piece).withUnsafeBytes { try reader.feed($0, &self) }
            rest = rest.dropFirst(piece)
        }
        try reader.finish()
    }
}

func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream,
        6,
        Z_DEFLATED,
        15 + 16,
        8,
        Z_DEFAULT_STRATEGY,
        ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)
    )
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 1_024)
    let length = input.withUnsafeMutableBufferPointer { from in
        output.withUnsafeMutableBufferPointer { to in
            stream.next_in = from.baseAddress
            stream.avail_in = UInt32(from.count)
            stream.next_out = to.baseAddress
            stream.avail_out = UInt32(to.count)
            deflate(&stream, Z_FINISH)
            return to.count - Int(stream.avail_out)
        }
    }
    return Array(output.prefix(length))
}

/// A directory that is gone after the test, with a directory `root` and a file `outside` in it.
final class Ground {
    let path: String

    init() {
        var template = Array("/tmp/martlet-oci-XXXXXX".utf8CString)
        _ = template.withUnsafeMutableBufferPointer { $0.baseAddress.map { mkdtemp($0) } }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        mkdir(path + "/root", 0o755)
    }

    deinit {
        if let top = try? FileDescriptor.directory("/tmp") {
            try? RootDirectory.removeTree(Array(path.dropFirst(5).utf8), in: top)
            top.close()
        }
    }

    func unpack(_ layers: [UInt8]..., limits: ImageLimits = ImageLimits()) throws {
        var stack = LayerStack(layers: [], limits: limits)
        for (index, layer) in layers.enumerated() {
            let name = "\(path)/layer\(index)"
            write(layer, to: name)
            stack.layers.append((name, ImageDigest(of: layer.starts(with: [0x1f, 0x8b]) ? inflated(layer) : layer)))
        }
        let root = FileDescriptor(open(path + "/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        defer { root.close() }
        try stack.unpack(into: root)
    }

    private func inflated(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        let decompressor = try? Decompressor(limit: 1 << 30)
        try? bytes.withUnsafeBytes { try decompressor?.feed($0) { result += $0 } }
        return result
    }

    func write(_ bytes: [UInt8], to path: String) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            written += bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        }
    }

    /// Names with a slash after directories and `→ target` after links, sorted.
    func list(_ directory: String = "root") -> [String] {
        guard let stream = opendir("\(path)/\(directory)") else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            var status = stat()
            lstat("\(path)/\(directory)/\(name)", &status)
            names.append(status.st_mode & S_IFMT == S_IFDIR ? name + "/" : name)
        }
        return names.sorted()
    }

    /// Makes everything in the directories two hours old.
    func age(_ directories: String...) {
        for directory in directories {
            for name in list(directory) {
                var times = [
                    timespec(tv_sec: time(nil) - 7_200, tv_nsec: 0), timespec(tv_sec: time(nil) - 7_200, tv_nsec: 0),
                ]
                utimensat(AT_FDCWD, "\(path)/\(directory)/\(name)", &times, 0)
            }
        }
    }

    func text(_ file: String) -> String? {
        let descriptor = open("\(path)/root/\(file)", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return (try? FileDescriptor(descriptor).contents(limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }

    func status(_ file: String) -> stat {
        var status = stat()
        lstat("\(path)/root/\(file)", &status)
        return status
    }
}
