// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Sandbox

/// The file of a kernel: what distributions install is a small program that unpacks the kernel proper. QEMU starts that, and
/// most kernels proper, too; Firecracker only these.
struct KernelImage {
    /// How the kernel proper is packed, and which of the host's commands unpacks it.
    enum Packing: CaseIterable {
        case gzip, xz, zstd, lz4, lzma, bzip2

        var magic: [UInt8] {
            switch self {
            case .gzip: [0x1f, 0x8b]
            case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
            case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
            case .lz4: [0x02, 0x21, 0x4c, 0x18]
            case .lzma: [0x5d, 0x00, 0x00]
            case .bzip2: [0x42, 0x5a, 0x68]
            }
        }

        var command: [String] {
            switch self {
            case .gzip: ["gzip", "-dc"]
            case .xz: ["xz", "-dc", "--single-stream"]
            case .zstd: ["zstd", "-dc"]
            case .lz4: ["lz4", "-dc"]
            case .lzma: ["xz", "-dc", "--format=lzma"]
            case .bzip2: ["bzip2", "-dc"]
            }
        }

        /// The kernel's build appends the unpacked size, which is gzip's own end anyway.
        var trailer: Int { self == .gzip ? 0 : 4 }
    }

    static let elfMagic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]

    /// Of an image in the boot protocol's form, 2.08 or later (Linux 2.6.26): the packed kernel. Nil for anything else.
    static func payload(of image: [UInt8]) -> (packed: ArraySlice<UInt8>, packing: Packing)? {
        guard image.count > 0x250, Array(image[0x202..<0x206]) == Array("HdrS".utf8) else { return nil }
        func number(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(image[at + $1]) << (8 * $1) } }
        // None said means four.
        let setup = image[0x1f1] == 0 ? 4 : Int(image[0x1f1])
        let start = (setup + 1) * 512 + number(0x248)
        let length = number(0x24c)
        guard start < image.count, length > 64, length <= image.count - start else { return nil }
        let packed = image[start..<(start + length)]
        guard let packing = Packing.allCases.first(where: { packed.starts(with: $0.magic) }) else { return nil }
        return (packed.dropLast(packing.trailer), packing)
    }

    /// A path to the kernel proper: `path` itself, or what is unpacked from it into `directory`, once. Throws `SandboxError`.
    static func unpacked(_ path: String, release: String, in directory: String) throws(SandboxError) -> String {
        let image = try HostFile.contents(of: path)
        if image.starts(with: elfMagic) { return path }
        let target = "\(directory)/vmlinux-\(release)"
        if isNewer(target, than: path), isELF(target) { return target }
        guard let (packed, packing) = payload(of: image) else {
            throw SandboxError(.hostLacks, "\(path) is no kernel that Firecracker or Martlet can unpack")
        }
        // Two may unpack the same at once.
        let (source, draft) = (HostFile.draft(of: "\(target).packed"), HostFile.draft(of: target))
        defer { for file in [source, draft] { unlink(file) } }
        try HostFile.write(Array(packed), to: source)
        guard run(packing.command, reading: source, writing: draft), isELF(draft), HostFile.rename(draft, into: target)
        else {
            throw SandboxError(
                .hostLacks,
                "\(path) cannot be unpacked for Firecracker: it wants the command \(packing.command[0])"
            )
        }
        return target
    }

    /// Whether the host has the command and it ended well.
    private static func run(_ command: [String], reading source: String, writing target: String) -> Bool {
        let paths = ["/usr/bin", "/bin", "/usr/local/bin"].map { "\($0)/\(command[0])" }
        guard let path = paths.first(where: { access($0, X_OK) == 0 }) else { return false }
        let openings: [Int32: ChildProcess.Opening] = [
            0: .reading(path: source), 1: .writing(path: target), 2: .writing(path: "/dev/null"),
        ]
        let child = try? ChildProcess.start(
            [path] + command.dropFirst(),
            environment: [],
            openings: openings,
            closesOthers: true
        )
        // What cannot be started is as good as missing.
        return child?.wait() == .exited(status: 0)
    }

    private static func isELF(_ path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4)
        return read(file, &bytes, 4) == 4 && bytes == elfMagic
    }

    private static func isNewer(_ one: String, than other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(one, &first) == 0, stat(other, &second) == 0 else { return false }
        return (first.st_mtim.tv_sec, first.st_mtim.tv_nsec) >= (second.st_mtim.tv_sec, second.st_mtim.tv_nsec)
    }
}

// MARK: - what is in it

extension KernelImage {
    /// Of an ELF file's notes, so many bytes are looked at.
    private static let noteBytes = 65_536
    private static let noteSegment: UInt32 = 4
    /// XEN_ELFNOTE_PHYS32_ENTRY: where the kernel is entered by who has unpacked it himself, as PVH has it.
    private static let entryNote: UInt32 = 18

    /// Whether QEMU can start a kernel proper (`CONFIG_PVH`). False for what cannot be read, too.
    static func startsUnpacked(_ path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        let head = bytes(of: file, at: 0, count: 64)
        // 64 bits, least byte first.
        guard head.count == 64, head.starts(with: elfMagic), head[4] == 2, head[5] == 1 else { return false }
        let (table, size, count) = (number(head, 32, 8), number(head, 54, 2), number(head, 56, 2))
        guard size >= 56, size <= 1_024, count <= 64, table <= 1 << 20 else { return false }
        for index in 0..<count {
            let segment = bytes(of: file, at: table + index * size, count: 56)
            guard segment.count == 56, number(segment, 0, 4) == Int(noteSegment) else { continue }
            let (offset, length) = (number(segment, 8, 8), number(segment, 32, 8))
            if hasEntry(bytes(of: file, at: offset, count: min(length, noteBytes))) { return true }
        }
        return false
    }

    static func hasEntry(_ notes: [UInt8]) -> Bool {
        var rest = notes[...]
        while rest.count >= 12 {
            let head = Array(rest.prefix(12))
            let (name, description) = (number(head, 0, 4), number(head, 4, 4))
            guard name <= rest.count, description <= rest.count else { return false }
            let text = rest.dropFirst(12).prefix(name)
            if number(head, 8, 4) == Int(entryNote), text.elementsEqual("Xen\0".utf8) { return true }
            rest = rest.dropFirst(12 + (name + 3) & ~3 + (description + 3) & ~3)
        }
        return false
    }

    /// Those that are there. Nothing of an offset that no file has.
    private static func bytes(of file: Int32, at offset: Int, count: Int) -> [UInt8] {
        guard offset >= 0, count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = pread(file, &bytes, count, off_t(offset))
        return Array(bytes.prefix(max(0, got)))
    }

    /// Least byte first; of eight bytes, 63 bits.
    private static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(truncatingIfNeeded: UInt64(bytes[at + $1]) << (8 * $1)) } & .max
    }
}
