// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import OCI

@Suite("Layers") struct LayerTests {
    private static func layer(_ fill: (inout TarWriter) -> Void) -> [UInt8] {
        var tar = TarWriter()
        fill(&tar)
        return tar.ended
    }

    @Test("lie over each other; whiteouts remove what is below and nothing of their own layer") func whiteouts() throws
    {
        let ground = Ground()
        try ground.unpack(
            Self.layer {
                $0.add("keep", "1")
                $0.add("gone", "1")
                $0.add("changed", "1")
                $0.add("d/low", "1")
                $0.add("d/sub/deep", "1")
                $0.add("e/f", "1")
            },
            gzip(
                Self.layer {
                    $0.add(".wh.gone")
                    $0.add("changed", "2")
                    $0.add("d/high", "2")
                    $0.add("d/sub/new", "2")
                    $0.add("d/.wh..wh..opq")
                    $0.add("e", "now a file")
                    $0.add(".wh.never")
                }
            )
        )
        #expect(ground.list() == ["changed", "d/", "e", "keep"])
        #expect(ground.list("root/d") == ["high", "sub/"] && ground.list("root/d/sub") == ["new"])
        #expect(ground.text("changed") == "2" && ground.text("e") == "now a file")
    }

    @Test("keep modes and times, but no set-user-id bits, devices or owners") func modes() throws {
        let ground = Ground()
        try ground.unpack(
            Self.layer {
                $0.add("setuid", mode: 0o4755)
                $0.add("closed", mode: 0o000)
                $0.add("d", type: "5", mode: 0o1777)
                $0.add("null", type: "3")
                $0.add("pipe", type: "6")
            }
        )
        #expect(ground.list() == ["closed", "d/", "setuid"])
        #expect(ground.status("setuid").st_mode & 0o7777 == 0o755 && ground.status("closed").st_mode & 0o7777 == 0o600)
        #expect(ground.status("d").st_mode & 0o7777 == 0o777 && ground.status("setuid").st_mtim.tv_sec == 1_600_000_000)
    }

    @Test("hard links share a file until a layer replaces one name") func hardLinks() throws {
        let ground = Ground()
        try ground.unpack(
            Self.layer {
                $0.add("a", "1")
                $0.add("b", type: "1", link: "a")
                $0.add("s", type: "2", link: "a")
            },
            Self.layer {
                $0.add("b", "2")
                $0.add("s", "3")
            }
        )
        #expect(ground.text("a") == "1" && ground.text("b") == "2" && ground.text("s") == "3")
    }

    @Test("may write through the image's own links to directories, as seen from the image's root")
    func linkedDirectories()
        throws
    {
        let ground = Ground()
        try ground.unpack(
            Self.layer {
                $0.add("usr/lib/", type: "5", mode: 0o755)
                $0.add("lib", type: "2", link: "/usr/lib")
                $0.add("up", type: "2", link: "../../../../usr")
            },
            Self.layer {
                $0.add("lib/x", "1")
                $0.add("up/y", "2")
            }
        )
        #expect(ground.text("usr/lib/x") == "1" && ground.text("usr/y") == "2")
    }

    /// Entries that try to write outside.
    private static let hostile: [(String, @Sendable (inout TarWriter, String) -> Void)] = [
        ("dots", { tar, _ in tar.add("../outside", "x") }),
        ("dots in the middle", { tar, _ in tar.add("a/../../outside", "x") }),
        (
            "absolute link, then through it",
            { tar, path in
                tar.add("l", type: "2", link: path)
                tar.add("l/outside", "x")
            }
        ),
        (
            "link up, then through it",
            { tar, _ in
                tar.add("l", type: "2", link: "..")
                tar.add("l/outside", "x")
            }
        ),
        (
            "link to a file, then over it",
            { tar, path in
                tar.add("l", type: "2", link: path + "/witness")
                tar.add("l", "x")
            }
        ),
        ("hard link out", { tar, _ in tar.add("h", type: "1", link: "../witness") }),
        (
            "hard link through a link",
            { tar, path in
                tar.add("l", type: "2", link: path)
                tar.add("h", type: "1", link: "l/witness")
            }
        ),
        ("whiteout of what is above", { tar, _ in tar.add(".wh...", "") }),
        (
            "whiteout through a link",
            { tar, path in
                tar.add("l", type: "2", link: path)
                tar.add("l/.wh.witness")
            }
        ),
        (
            "opaque through a link",
            { tar, _ in
                tar.add("l", type: "2", link: "../..")
                tar.add("l/.wh..wh..opq")
            }
        ),
        (
            "link through magic",
            { tar, _ in
                tar.add("l", type: "2", link: "/proc/self/cwd")
                tar.add("l/outside", "x")
            }
        ),
    ]

    @Test("that want out change nothing outside", arguments: hostile.map(\.0)) func escape(name: String) throws {
        let ground = Ground()
        ground.write(Array("untouched".utf8), to: ground.path + "/witness")
        let fill = try #require(Self.hostile.first { $0.0 == name }).1
        // Some are refused, some write inside: neither reaches out.
        try? ground.unpack(Self.layer { fill(&$0, ground.path) })
        #expect(ground.list(".") == ["layer0", "root/", "witness"])
        let witness = FileManagerless.text(ground.path + "/witness")
        #expect(witness == "untouched")
        var status = stat()
        #expect(lstat(ground.path + "/witness", &status) == 0 && status.st_nlink == 1)
    }

    @Test("that are too large, unpacked or by their number of files, are refused") func bombs() throws {
        var limits = ImageLimits()
        limits.unpackedBytes = 1_000_000
        limits.entries = 10
        let large = Self.layer { $0.add("zeros", content: [UInt8](repeating: 0, count: 1_000_001)) }
        #expect(throws: ImageFault.self) { try Ground().unpack(gzip(large), limits: limits) }
        let half = Self.layer { $0.add("half", content: [UInt8](repeating: 0, count: 600_000)) }
        #expect(throws: ImageFault.self) { try Ground().unpack(half, half, limits: limits) }
        let tail = gzip(Self.layer { $0.add("a") } + [UInt8](repeating: 0, count: 3_000_000))
        #expect(throws: ImageFault.self) { try Ground().unpack(tail, limits: limits) }
        let many = Self.layer { tar in for index in 0..<6 { tar.add("f\(index)") } }
        #expect(throws: ImageFault.self) { try Ground().unpack(many, many, limits: limits) }
    }

    @Test("that are damaged, cut short or compressed with something else are refused") func damage() throws {
        let packed = gzip(Self.layer { $0.add("a", String(repeating: "abc", count: 1_000)) })
        var flipped = packed
        flipped[packed.count / 2] ^= 0xff
        for bytes in [
            Array(packed.dropLast(4)), flipped, [0x28, 0xb5, 0x2f, 0xfd, 0, 0], [0x1f, 0x8b],
            Array(repeating: 0x41, count: 600),
        ] {
            #expect(throws: ImageFault.self) { try Ground().unpack(bytes) }
        }
    }

    @Test("nested deeper than a process has descriptors can be removed") func depth() throws {
        let ground = Ground()
        try ground.unpack(
            Self.layer { tar in
                let piece = (0..<100).map { _ in "d" }.joined(separator: "/")
                tar.add(piece, type: "5", mode: 0o755)
                tar.add("l0", type: "2", link: piece)
                for index in 1..<20 {
                    tar.add("l\(index - 1)/\(piece)", type: "5", mode: 0o755)
                    tar.add("l\(index)", type: "2", link: "l\(index - 1)/\(piece)")
                }
            }
        )
        let path = ground.path
        _ = consume ground
        #expect(access(path, F_OK) != 0)
    }
}

enum FileManagerless {
    static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = read(file, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
