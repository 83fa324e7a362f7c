// SPDX-License-Identifier: Apache-2.0
import Glibc
import Sandbox
import Testing

@Suite("/dev/kvm") struct KVMTests {
    private static let look = "[ -r /dev/kvm ] && [ -w /dev/kvm ] && echo there; ls /dev; id -u"

    @Test("is there for who asks for it, where the host has it, and for nobody else", arguments: [DriverKind.namespace])
    func onlyWhenAsked(kind: DriverKind) async throws {
        guard await DriverKind.usable().contains(kind) else { return }
        try await kind.withDriver { driver async throws in
            let without = try await driver.shell(Self.look).output
            #expect(!without.contains("kvm") && !without.contains("there"))
            guard access("/dev/kvm", F_OK) == 0 else {
                let error = await #expect(throws: SandboxError.self) {
                    try await driver.start(specification(["/bin/true"]) { $0.usesKVM = true })
                }
                #expect(error?.code == .hostLacks)
                return
            }
            let with = try await driver.shell(Self.look) { $0.usesKVM = true }.output
            #expect(with.hasPrefix("there\n") && with.hasSuffix("993\n"), "\(with)")
            #expect(with.split(separator: "\n").count == without.split(separator: "\n").count + 2)
        }
    }
}
