// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import Testing

@Suite("DataDirectory") struct DataDirectoryTests {
    @Test("a second claim is refused and names the holder; after the first has gone it is granted")
    func claimed() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/deep/data"
        do {
            let holder = try DataDirectory.claim(path)
            let error = #expect(throws: MartletError.self) { _ = try DataDirectory.claim(path) }
            #expect(error?.code == .storageClaimed)
            #expect(error?.message.contains("process \(getpid())") == true)
            #expect(error?.message.contains(path) == true)
            withExtendedLifetime(holder) {}
        }
        _ = try DataDirectory.claim(path)
    }

    @Test("another process is refused and told who holds the directory")
    func otherProcess() async throws {
        let scratch = try Scratch()
        let holder = try DataDirectory.claim(scratch.path)
        await #expect(processExitsWith: .success) { [path = scratch.path as String] in
            let error = #expect(throws: MartletError.self) { _ = try DataDirectory.claim(path) }
            #expect(error?.message.contains("process \(getppid())") == true)
        }
        withExtendedLifetime(holder) {}
    }

    @Test("the directory is made for this user only")
    func isPrivate() throws {
        let scratch = try Scratch()
        let directory = try DataDirectory.claim("\(scratch.path)/data")
        var information = stat()
        try #require(stat(directory.path, &information) == 0)
        #expect(information.st_mode & 0o777 == 0o700)
    }

    @Test(
        "rubbish in the lock file does not matter",
        arguments: [[], [0xff, 0xfe, 0], Array("a\n\nb".utf8)] as [[UInt8]]
    )
    func rubbish(content: [UInt8]) throws {
        let scratch = try Scratch()
        try Scratch.write(content, to: "\(scratch.path)/lock")
        let holder = try DataDirectory.claim(scratch.path)
        try Scratch.write(content, to: "\(scratch.path)/lock")
        let error = #expect(throws: MartletError.self) { _ = try DataDirectory.claim(scratch.path) }
        #expect(error?.code == .storageClaimed)
        withExtendedLifetime(holder) {}
    }
}
