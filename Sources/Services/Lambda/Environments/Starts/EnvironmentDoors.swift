// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
import NIOCore
import Sandbox

/// Serves the AWS endpoint on a socket that was made inside a sandbox. The front door is one.
package protocol EndpointGateway: Sendable {
    /// Takes ownership of the listening socket. The returned closure stops serving.
    func serve(listener: LinuxSystem.FileDescriptor) async throws -> @Sendable () -> Void
}

/// The sockets inside one sandbox, being served: the Runtime API, the AWS endpoint, the way out.
struct EnvironmentDoors: Sendable {
    let runtimeAPI: RuntimeAPIServer
    let eventLoop: any EventLoop
    fileprivate let closings: [@Sendable () -> Void]

    func close() { for close in closings { close() } }
}

/// Opens the doors of sandboxes.
struct DoorKeeper: Sendable {
    var gateway: (any EndpointGateway)?
    var egress: (any EgressGateway)? = nil
    var eventLoops: any EventLoopGroup

    /// What a sandbox with that network listens on inside.
    func listeners(_ network: FunctionNetwork) -> [SandboxListener] {
        let hasEndpoint = gateway != nil && network.hasEndpoint
        return ([LaunchPlan.runtimeAPIPort] + (hasEndpoint ? [LaunchPlan.endpointPort] : [])).map(SandboxListener.init)
    }

    /// Takes the sandbox's sockets and serves them. The Runtime API is `delegate`'s, or of whom it is given to later. When it
    /// throws, nothing stays open.
    func open(
        _ sandbox: any Sandbox,
        on eventLoop: any EventLoop,
        for delegate: (any RuntimeAPIDelegate)? = nil
    ) async throws -> EnvironmentDoors {
        var listeners = sandbox.takeListeners()[...]
        var way = sandbox.takeEgress()
        var closings: [@Sendable () -> Void] = []
        do {
            guard let listener = listeners.popFirst() else {
                throw SandboxError(.failed, "the sandbox has no Runtime API socket")
            }
            let runtimeAPI = try await RuntimeAPIServer(listener: listener, on: eventLoop, delegate: delegate)
            closings.append { runtimeAPI.close() }
            while let listener = listeners.popFirst() {
                if let gateway {
                    closings.append(try await gateway.serve(listener: listener))
                } else {
                    listener.close()
                }
            }
            if let taken = way {
                way = nil
                if let egress { closings.append(try await egress.serve(taken)) } else { taken.close() }
            }
            return EnvironmentDoors(runtimeAPI: runtimeAPI, eventLoop: eventLoop, closings: closings)
        } catch {
            for listener in listeners { listener.close() }
            way?.close()
            for close in closings { close() }
            throw error
        }
    }
}
