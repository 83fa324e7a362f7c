// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

/// Directories of the host that functions write, each function as another user of the host.
@Suite("Sandbox mounts that are written") struct WritableMountTests {
    /// Whom the directory belongs to; what rootless tests run as, so that they may write there.
    private static let owner: uid_t = 54_321

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        guard geteuid() == 0 else {
            return print("SKIPPED: mounts that are written: it takes root to give directories away")
        }
        try await withTemporaryDirectory { directory async throws in
            let folder = directory + "/data"
            mkdir(folder, 0o755)
            writeFile(folder + "/theirs", "the owner's")
            writeFile(directory + "/secret", "beside it", mode: 0o666)
            symlink("../secret", folder + "/up")
            symlink(directory + "/secret", folder + "/absolute")
            symlink("/etc/shadow", folder + "/shadow")
            #expect(system("chown -R \(Self.owner):\(Self.owner) '\(folder)'") == 0)
            try await body(folder)
        }
    }

    private func mount(_ folder: String, isReadOnly: Bool = false) -> SandboxMount {
        SandboxMount(source: folder, target: "/mnt/data", isReadOnly: isReadOnly, writesAsOwner: !isReadOnly)
    }

    private func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    @Test(
        "what one sandbox writes, another reads and changes, and on the disk it is the owner's",
        arguments: await DriverKind.mountingWritable(),
        [false, true]
    )
    func shared(kind: DriverKind, comesLate: Bool) async throws {
        try await withFolder { folder async throws in
            try await kind.withDriver { driver async throws in
                // Both live at once, so they are two users of the host.
                let other = try await driver.start(specification(["/bin/sleep", "600"]))
                let script =
                    "id -u; stat -c '%u %g' /mnt/data /mnt/data/theirs; echo more >> /mnt/data/theirs; mkdir -p /mnt/data/new && echo x >> /mnt/data/new/file; cat /mnt/data/new/file"
                var outputs: [String] = []
                for _ in 0..<2 {
                    let sandbox = try await driver.start(
                        specification(comesLate ? [] : ["/bin/sh", "-c", script]) {
                            $0.awaitsClaim = comesLate
                            if !comesLate { $0.mounts = [mount(folder)] }
                        }
                    )
                    if comesLate {
                        let word = SandboxClaim.Word.command(
                            ["/bin/sh", "-c", script],
                            environment: ["PATH": "/usr/bin:/bin"],
                            workingDirectory: "/"
                        )
                        try await sandbox.claim(SandboxClaim(mounts: [mount(folder)], limits: .init(), word: word))
                    }
                    outputs.append(await (try #require(sandbox.takeOutput())).readToEnd())
                    #expect(await sandbox.waitForExit() == .exited(status: 0))
                }
                #expect(outputs == ["993\n993 990\n993 990\nx\n", "993\n993 990\n993 990\nx\nx\n"])
                for name in ["", "/theirs", "/new", "/new/file"] {
                    #expect(status(folder + name)?.st_uid == Self.owner && status(folder + name)?.st_gid == Self.owner)
                }
                #expect(contents(of: folder + "/theirs") == "the owner'smore\nmore\n")
                await other.kill()
            }
        }
    }

    @Test("one that is read-only cannot be written", arguments: await DriverKind.isolating())
    func readOnly(kind: DriverKind) async throws {
        try await withFolder { folder async throws in
            try await kind.withDriver { driver async throws in
                let script =
                    "cat /mnt/data/theirs; echo; (echo x > /mnt/data/new) 2>&1 | grep -o 'Read-only'; rm -f /mnt/data/theirs 2>/dev/null || echo kept"
                let outcome = try await driver.shell(script) { $0.mounts = [mount(folder, isReadOnly: true)] }
                #expect(outcome.output == "the owner's\nRead-only\nkept\n")
                #expect(status(folder + "/new") == nil)
            }
        }
    }

    @Test(
        "no link and no name leads out of it, and nothing in it gives power",
        arguments: await DriverKind.mountingWritable()
    )
    func noWayOut(kind: DriverKind) async throws {
        try await withFolder { folder async throws in
            try await kind.withDriver { driver async throws in
                let script = """
                    import os
                    os.chdir('/mnt/data')
                    def attempt(what, reach):
                        try:
                            found = reach()
                            if found: print('REACHED', what, found)
                        except OSError: pass
                    for name in ('up', 'absolute', 'shadow', '../secret', '../../secret', '/mnt/data/../secret'):
                        attempt(name, lambda: open(name).read())
                        attempt('write ' + name, lambda: open(name, 'w').write('mine'))
                    attempt('mknod', lambda: os.mknod('device', 0o666 | 0o020000, os.makedev(1, 5)) or 'a device')
                    attempt('chown', lambda: os.chown('theirs', 0, 0) or 'root owns it')
                    os.symlink('/proc/1/root/etc/shadow', 'deep')
                    attempt('deep', lambda: open('deep').read())
                    print(sorted(os.listdir('/mnt')), os.statvfs('.').f_flag & (os.ST_NOSUID | os.ST_NODEV) == os.ST_NOSUID | os.ST_NODEV)
                    """
                let outcome = try await driver.python(script) { $0.mounts = [mount(folder)] }
                #expect(outcome.output == "['data'] True\n")
                #expect(contents(of: folder + "/../secret") == "beside it")
            }
        }
    }

    @Test(
        "files of others are others' inside too",
        arguments: await DriverKind.mountingWritable().filter { $0 != .rootless }
    )
    func others(kind: DriverKind) async throws {
        try await withFolder { folder async throws in
            writeFile(folder + "/roots", "root's", mode: 0o644)
            writeFile(folder + "/hidden", "root's", mode: 0o600)
            try await kind.withDriver { driver async throws in
                let script =
                    "cat /mnt/data/roots; echo; (cat /mnt/data/hidden || (echo x >> /mnt/data/roots)) 2>/dev/null || echo refused"
                let outcome = try await driver.shell(script) { $0.mounts = [mount(folder)] }
                #expect(outcome.output == "root's\nrefused\n")
            }
        }
    }

    @Test("what root owns is not written", arguments: await DriverKind.mountingWritable().filter { $0 != .rootless })
    func roots(kind: DriverKind) async throws {
        try await withFolder { folder async throws in
            _ = chown(folder, Self.owner, 0)
            try await kind.withDriver { driver async throws in
                let error = await #expect(throws: SandboxError.self) {
                    try await driver.start(specification(["/bin/true"]) { $0.mounts = [mount(folder)] })
                }
                #expect(error?.code == .cannotMount(target: "/mnt/data"))
                #expect(error?.message.contains("must belong to another user and group than root") == true)
            }
        }
    }
}
