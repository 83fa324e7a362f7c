// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import Lambda

@Suite("Compiled code as it comes out of its sandbox") struct CompiledStreamTests {
    @Test("files come whole, whatever pieces the pipe makes of them", arguments: [1, 2, 5, 7, 1_000])
    func pieces(length: Int) {
        let bytes = CompiledFrames.of([("a.py", "one"), ("b/c.py", ""), ("b/d.py", "three")])
        var stream = CompiledStream()
        var files: [CompiledStream.File] = []
        for start in stride(from: 0, to: bytes.count, by: length) {
            files += stream.feed(ByteBuffer(bytes: bytes[start..<min(start + length, bytes.count)]))
        }
        #expect(files.map { String(decoding: $0.path, as: UTF8.self) } == ["a.py", "b/c.py", "b/d.py"])
        #expect(files.map { String(buffer: $0.content) } == ["one", "", "three"])
        #expect(stream.isComplete)
    }

    @Test("nothing is taken after the end, and a stream without one is not complete")
    func end() {
        var stream = CompiledStream()
        func feed(_ bytes: [UInt8]) -> Int { stream.feed(ByteBuffer(bytes: bytes)).count }
        let first = feed(CompiledFrames.frame("a.py", "x"))
        #expect(first == 1 && !stream.isComplete)
        let rest = [feed(CompiledFrames.of([])), feed(CompiledFrames.frame("b.py", "x"))]
        #expect(rest == [0, 0])
        #expect(stream.isComplete)
    }

    @Test(
        "a path that leads elsewhere ends the stream",
        arguments: [
            "../a.py", "/a.py", "a/../../b.py", "a//b.py", "./a.py", "a/./b.py", "a.pyc", "a", ".py", "a\0.py", "a.py/",
            String(repeating: "n", count: 252) + ".py",
        ]
    )
    func elsewhere(path: String) {
        var stream = CompiledStream()
        let good = stream.feed(ByteBuffer(bytes: CompiledFrames.frame("good.py", "") + CompiledFrames.frame(path, "x")))
        #expect(good.map { String(decoding: $0.path, as: UTF8.self) } == ["good.py"])
        #expect(stream.fault == CompiledStream.Fault(reason: "a path leads elsewhere"))
        let later = stream.feed(ByteBuffer(bytes: CompiledFrames.frame("later.py", "")))
        #expect(later.isEmpty)
    }

    @Test("a path comes once")
    func twice() {
        var stream = CompiledStream()
        let bytes = CompiledFrames.frame("a.py", "x")
        let files = stream.feed(ByteBuffer(bytes: bytes + bytes))
        #expect(files.count == 1)
        #expect(stream.fault == CompiledStream.Fault(reason: "a path comes twice"))
    }

    @Test("sizes are judged before anything is kept")
    func sizes() {
        var limits = CompiledStream.Limits()
        (limits.fileBytes, limits.totalBytes, limits.files, limits.pathBytes) = (10, 15, 3, 20)
        func reason(_ frames: [UInt8]) -> String? {
            var stream = CompiledStream(limits: limits)
            _ = stream.feed(ByteBuffer(bytes: frames))
            return stream.fault?.reason
        }
        let ten = String(repeating: "x", count: 10)
        #expect(reason(CompiledFrames.frame("a.py", ten)) == nil)
        // The head alone: four gigabytes are announced.
        #expect(reason([0, 4, 0xff, 0xff, 0xff, 0xff]) == "a file is too large")
        #expect(reason([0xff, 0xff, 0, 0, 0, 0]) == "a path is too long")
        #expect(
            reason(CompiledFrames.of([("a.py", ten), ("b.py", ten)])) == "all files are too large together"
        )
        #expect(
            reason(CompiledFrames.of([("a.py", ""), ("b.py", ""), ("c.py", ""), ("d.py", "")]))
                == "there are too many files"
        )
    }
}

/// What `compile.py` writes.
enum CompiledFrames {
    static func frame(_ path: String, _ content: String) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt16(path.utf8.count))
        buffer.writeInteger(UInt32(content.utf8.count))
        buffer.writeString(path)
        buffer.writeString(content)
        return Array(buffer.readableBytesView)
    }

    static func of(_ files: [(String, String)]) -> [UInt8] {
        files.flatMap { frame($0.0, $0.1) } + [UInt8](repeating: 0, count: 6)
    }
}
