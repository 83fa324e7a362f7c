// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

/// Requests that are broken in ever new ways; the seed makes a run repeatable.
private struct BrokenRequests {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(truncatingIfNeeded: state >> 33) % bound
    }

    /// Few, so that they are often the right ones.
    private mutating func fid() -> UInt32 { [.max, 0, 1, 2, 3, 4, 5, 0x8000_0000][next(8)] }

    private mutating func number() -> UInt64 {
        [0, 1, 2, 4_096, 1 << 31, 1 << 32 - 1, 1 << 62, 1 << 63, .max, UInt64(next(1 << 30))][next(10)]
    }

    private mutating func name() -> String {
        let names = ["a", "file", "link", "link", "link", "pipe", "..", ".", "", "/", "a/b", "user.x"]
        return next(12) == 0 ? String(repeating: "x", count: next(400)) : names[next(names.count)]
    }

    private mutating func fields(of type: UInt8) -> Fields {
        switch MessageType(rawValue: type) {
        case .version:
            return Fields().with(UInt32(truncatingIfNeeded: number() | 4_096)).with("9P2000.L")
        case .attach:
            return Fields.attach(fid(), "")
        case .walk:
            return Fields.walk(fid(), fid(), (0..<next(4)).map { _ in name() })
        case .lopen: return Fields().with(fid()).with(UInt32(next(2) * next(1 << 20)))
        case .read, .readdir:
            return Fields().with(fid()).with(number()).with(UInt32(truncatingIfNeeded: number()))
        case .getattr: return Fields().with(fid()).with(number())
        case .xattrwalk: return Fields().with(fid()).with(fid()).with(next(3) == 0 ? "" : name())
        case .lock: return Fields().with(fid()).with(UInt8(next(4))).with(UInt32(next(3))).with(rest())
        case .getlock: return Fields().with(fid()).with(UInt8(next(4))).with(rest())
        case .readlink, .statfs, .clunk, .remove, .fsync: return Fields().with(fid())
        case .flush: return Fields().with(UInt16(next(9)))
        default: return Fields().with(fid()).with(name()).with(number())
        }
    }

    private mutating func rest() -> Fields {
        Fields().with(number()).with(number()).with(UInt32(next(9))).with(name())
    }

    private static let types = [UInt8](0...255).filter { MessageType(rawValue: $0) != nil }

    /// A request whose length is right and whose fields make some sense, or, one in two, are broken or cut off.
    mutating func request() -> [UInt8] {
        let type = next(50) == 0 ? UInt8(next(256)) : Self.types[next(Self.types.count)]
        if type == MessageType.version.rawValue, next(20) > 0 { return request() }
        var message = fields(of: type).message(type, tag: UInt16(next(65_536)))
        guard next(2) == 0 else { return message }
        for _ in 0..<next(6) where message.count > 7 {
            let place = 7 + next(message.count - 7)
            switch next(4) {
            case 0: message[place] = UInt8(next(256))
            case 1: message.remove(at: place)
            case 2: message.insert(UInt8(next(256)), at: place)
            default: message.removeSubrange(place...)
            }
        }
        return Array(Fields().with(UInt32(message.count)).bytes + message.dropFirst(4))
    }

    /// Any request, of which any byte may be wrong.
    mutating func rubbish() -> [UInt8] {
        var message = request()
        for _ in 0..<next(4) { message[next(message.count)] = UInt8(next(256)) }
        return message
    }
}

extension Fields {
    fileprivate func with(_ others: Fields) -> Fields { others.bytes.reduce(self) { $0.with($1) } }
}

@Suite("9P: rubbish") struct RubbishTests {
    private let tree: Tree

    init() throws {
        tree = try Tree()
        for name in ["a", "a/a"] { try tree.directory(name) }
        for name in ["file", "a/file", "a/a/file"] { try tree.file(name, [UInt8](repeating: 7, count: 20_000)) }
        try tree.names((0..<200).map(String.init), in: "a")
        try tree.link("link", to: "/etc/passwd")
        try tree.pipe("pipe")
        try tree.attribute("file", "user.x", Array("value".utf8))
    }

    private var exports: [NinePExport] { [NinePExport(name: "", path: tree.path)] }

    @Test(
        "a hundred thousand broken requests are each answered, by what belongs to them",
        arguments: 1...4 as ClosedRange<UInt64>
    )
    func answered(seed: UInt64) {
        let shared = Shared(exports, NinePLimits(messageBytes: 32 << 10, fids: 100, openFiles: 10))
        var requests = BrokenRequests(seed: seed)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: shared.limits.messageBytes, alignment: 16)
        defer { buffer.deallocate() }
        var done: Set<UInt8> = []
        do {
            let session = Session(shared)
            for _ in 0..<25_000 {
                let request = requests.request()
                guard request.count <= session.messageBytes else { continue }
                let count = request.withUnsafeBytes { session.answer($0, into: buffer) }
                var answer = Answer(Array(buffer.prefix(count)))
                let (size, type, tag) = (answer.next(UInt32.self), answer.next(UInt8.self), answer.next(UInt16.self))
                #expect(Int(size) == count && count <= session.messageBytes)
                #expect(type == 7 || type == request[4] &+ 1)
                #expect(tag == UInt16(request[5]) | UInt16(request[6]) << 8)
                if type == 7 { #expect((1..<200).contains(answer.next(UInt32.self)) && count == 11) }
                done.insert(type)
            }
        }
        // They would be worth little if nothing were ever done.
        let most: [MessageType] = [
            .version, .attach, .walk, .lopen, .read, .readdir, .getattr, .readlink, .xattrwalk, .clunk,
        ]
        for type in most { #expect(done.contains(type.answer), "\(type)") }
        #expect(
            shared.budgets.fids.taken == 0 && shared.budgets.heldBytes.taken == 0 && shared.budgets.openFiles.taken == 0
        )
    }

    @Test(
        "connections full of rubbish end or go on, and take nothing with them",
        arguments: 1...4 as ClosedRange<UInt64>
    )
    func connections(seed: UInt64) throws {
        let server = NinePServer(exports, limits: NinePLimits(messageBytes: 16 << 10, fids: 100, openFiles: 10))
        var requests = BrokenRequests(seed: seed)
        for _ in 0..<250 {
            let client = try NineClient(connectedTo: server)
            _ = try client.version()
            _ = try client.attach(0)
            let bytes = (0..<requests.next(40)).flatMap { _ in requests.rubbish() }
            // The server may have had enough before the end.
            try? client.send(bytes)
            client.finishSending()
            while !client.hasEnded {}
            client.end()
        }
        #expect(server.isIdle)
        try NineClient.run(server) { client in
            let text = try client.content("a/a/file")
            #expect(text.utf8.count == 16_384 - 11)
        }
    }

    @Test("a client that only sends, and then goes, is let go of") func onlySends() throws {
        let server = NinePServer(exports)
        for _ in 0..<20 {
            let client = try NineClient(connectedTo: server)
            _ = try client.version(512 << 10)
            _ = try client.attach(0)
            let file = try client.find("file")
            _ = try client.open(file)
            let reads = (0..<60).flatMap {
                Fields().with(file).with(UInt64(0)).with(UInt32(20_000)).message(.read, tag: $0)
            }
            try client.send(reads)
            client.end()
        }
        #expect(server.isIdle)
    }
}
