// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// What the Runtime API asks of the environment that it belongs to. Called on the event loop; must not block.
protocol RuntimeAPIDelegate: AnyObject, Sendable {
    func next(_ request: RuntimeRequest)
    func response(_ request: RuntimeRequest, id: String, body: ByteBuffer, isTooLarge: Bool)
    func error(_ request: RuntimeRequest, id: String, body: ByteBuffer, errorType: String?)
    func initError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?)
    func restoreNext(_ request: RuntimeRequest)
    func restoreError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?)
    /// The role's credentials are asked for, with this word of authorisation.
    func credentials(_ request: RuntimeRequest, authorization: String?)
    /// The head of a streamed answer.
    func streamBegins(id: String) -> StreamReception
    /// Once for each `.relay`. A `.cut` stream's request cannot be answered.
    func streamEnded(_ request: RuntimeRequest, id: String, _ end: StreamEnd)
    /// A call of the Extensions, Telemetry or Logs API.
    func extensionCall(_ call: ExtensionCall, _ request: RuntimeRequest)
    /// The connection is gone while `request` may still be held.
    func disconnected(_ request: RuntimeRequest)
}

/// What becomes of the pieces of a streamed answer.
enum StreamReception: Sendable {
    /// Nobody waits for pieces: it is handed over as a whole.
    case gather
    case relay(ResponseRelay)
    case refuse(RuntimeAPIError)
}

/// How a streamed answer ended.
enum StreamEnd: Sendable {
    case whole
    /// As its trailers say.
    case failed(errorType: String, body: ByteBuffer)
    case tooLarge
    /// The connection is gone.
    case cut
}

/// Serves the Runtime API of one environment on a socket that was made inside its network namespace: so the socket itself
/// says who is calling. Leaner than the front door, as an invocation is two requests here.
struct RuntimeAPIServer: Sendable {
    /// A runtime uses one connection, or one a thread. More are a function that wants the server's memory and descriptors:
    /// they are closed as they come.
    static let maximumConnections = 32

    private let channel: any Channel
    private let owner: RuntimeAPIOwner

    /// Takes ownership of `listener`, a listening socket. Without a delegate, that is for a sandbox in which nothing calls
    /// before it is given to one.
    init(
        listener: LinuxSystem.FileDescriptor,
        on eventLoop: any EventLoop,
        delegate: (any RuntimeAPIDelegate)? = nil
    ) async throws {
        let connections = NIOLockedValueBox(0)
        let owner = RuntimeAPIOwner(delegate)
        self.owner = owner
        channel = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let isWelcome = connections.withLockedValue { count in
                        guard count < Self.maximumConnections else { return false }
                        count += 1
                        return true
                    }
                    guard isWelcome else { throw ChannelError.inappropriateOperationForState }
                    child.closeFuture.whenComplete { _ in connections.withLockedValue { $0 -= 1 } }
                    let pipeline = child.pipeline.syncOperations
                    let calls = RuntimeAPIHandler(owner: owner)
                    try pipeline.addHandler(PlainRuntimeCalls(before: calls))
                    try pipeline.addHandler(calls)
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .withBoundSocket(listener.number)
            .get()
    }

    /// Once, and before the sandbox learns what it becomes.
    func give(to delegate: any RuntimeAPIDelegate) { owner.delegate.withLockedValue { $0 = delegate } }

    func close() {
        channel.close(mode: .all, promise: nil)
        owner.delegate.withLockedValue { $0 = nil }
    }
}

/// Whose the Runtime API of a sandbox is: nobody's, as long as it is a stem cell.
final class RuntimeAPIOwner: Sendable {
    fileprivate let delegate: NIOLockedValueBox<(any RuntimeAPIDelegate)?>

    init(_ delegate: (any RuntimeAPIDelegate)?) { self.delegate = NIOLockedValueBox(delegate) }

    var current: (any RuntimeAPIDelegate)? { delegate.withLockedValue { $0 } }
}
