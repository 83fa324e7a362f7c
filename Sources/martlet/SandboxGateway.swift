// SPDX-License-Identifier: Apache-2.0
import Egress
import Lambda
import LinuxSystem
import MartletCore
import MartletServer
import NIOConcurrencyHelpers

/// Lets functions reach the front door from inside their sandboxes. Opened once the door stands: the door needs the
/// services, and Lambda the way to the door.
final class SandboxGateway: EndpointGateway {
    private let server = NIOLockedValueBox<MartletServer?>(nil)

    func open(through server: MartletServer) { self.server.withLockedValue { $0 = server } }

    func serve(listener: LinuxSystem.FileDescriptor) async throws -> @Sendable () -> Void {
        guard let server = server.withLockedValue({ $0 }) else {
            listener.close()
            throw MartletError("gateway.closed", "the front door does not stand yet")
        }
        let served = try await server.serve(listener: listener.number, as: "sandbox")
        return { served.stop() }
    }
}

/// Functions with `--network egress` reach outwards through it.
extension EgressFront: EgressGateway {}
