// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import NineP

/// Work on threads that have something of their own: rights, or mounts. Threads that these start have the same.
enum OwnThread {
    /// With no more rights to files than the user of that number.
    static func run(dropping user: Int32, _ body: @escaping () throws -> Void) throws {
        try run {
            _ = try function("setfsuid")(user)
            try body()
        }
    }

    /// With mounts that nobody else sees.
    static func withMounts(_ body: @escaping () throws -> Void) throws {
        try run {
            try #require(try function("unshare")(0x0002_0200) == 0)  // CLONE_NEWNS, CLONE_FS
            try #require(mount("none", "/", nil, UInt(0x4_4000), nil) == 0)  // MS_REC, MS_PRIVATE
            try body()
        }
    }

    /// One of the C library's that Swift does not see.
    private static func function(_ name: String) throws -> @convention(c) (Int32) -> Int32 {
        unsafeBitCast(try #require(dlsym(nil, name)), to: (@convention(c) (Int32) -> Int32).self)
    }

    private static func run(_ body: @escaping () throws -> Void) throws {
        let work = Work(body)
        var pipe: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&pipe) == 0)
        let done = pipe[1]
        try detachThread(named: "own") {
            work.run()
            close(done)
        }
        var byte: UInt8 = 0
        _ = read(pipe[0], &byte, 1)
        close(pipe[0])
        try work.result.get()
    }

    /// Handed to the thread, and looked at when that has ended.
    private final class Work: @unchecked Sendable {
        private let body: () throws -> Void
        private(set) var result: Result<Void, any Error> = .success(())

        init(_ body: @escaping () throws -> Void) { self.body = body }

        func run() { result = Result { try body() } }
    }
}
