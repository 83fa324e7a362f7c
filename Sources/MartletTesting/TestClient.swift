// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
package import MartletCore
package import NIOCore

/// Sends a request to a server: in process or over a socket.
package protocol TestTransport: Sendable {
    /// What clients write into `Host`.
    var authority: String { get }
    func send(_ request: SignableRequest, body: ByteBuffer) async throws -> WireResponse
}

/// A typed client of one service, speaking one protocol, signing as the SDKs do.
package struct TestClient: Sendable {
    package let model: ServiceModel
    package var credentials: TestCredentials?
    package var region: String
    private let codec: any WireCodec
    private let transport: any TestTransport
    private let clock: any WallClock

    package init(
        _ model: ServiceModel,
        speaking wire: WireProtocol?,
        as credentials: TestCredentials?,
        region: String,
        over transport: any TestTransport,
        clock: any WallClock
    ) {
        self.model = model
        self.credentials = credentials
        self.region = region
        self.transport = transport
        self.clock = clock
        codec = model.codec(wire ?? model.protocols.first ?? .json11)
    }

    /// The same client as somebody else; nil sends no signature.
    package func signing(as credentials: TestCredentials?) -> TestClient {
        var other = self
        other.credentials = credentials
        return other
    }

    package func inRegion(_ region: String) -> TestClient {
        var other = self
        other.region = region
        return other
    }

    /// Calls one operation. An error answer is thrown as `ClientError`.
    package func call<I: Shape, O: Shape>(_ operation: OperationDescriptor<I, O>, _ input: I) async throws -> O {
        let binding = operation.binding
        let response = try await send(binding, input)
        let output: any Shape
        do {
            output = try codec.readOutput(of: binding, from: response)
        } catch let error as any ServiceError {
            throw ClientError(error)
        }
        guard let output = output as? O else {
            throw MartletError("test.client", "\(operation.name) answered \(type(of: output))")
        }
        return output
    }

    /// The answer as it came, for tests of the wire.
    package func send(_ binding: OperationBinding, _ input: any Shape) async throws -> WireResponse {
        let wire = try codec.writeInput(input, of: binding)
        guard let body = try await wire.body.collect(upTo: 1 << 30) else {
            throw MartletError("test.client", "the body is too large")
        }
        var request = SignableRequest(
            method: wire.method,
            path: wire.path,
            query: wire.query,
            headers: wire.headers,
            authority: transport.authority
        )
        if let credentials {
            SigV4Signer(credentials, region: region, service: model.signingName)
                .sign(&request, payload: .bytes(Array(body.readableBytesView)), at: clock.now)
        }
        return try await transport.send(request, body: body)
    }
}

extension SigV4Signer {
    package init(_ credentials: TestCredentials, region: String, service: String) {
        self.init(
            accessKeyID: credentials.accessKeyID,
            secretAccessKey: credentials.secretAccessKey,
            sessionToken: credentials.sessionToken,
            region: region,
            service: service
        )
    }
}
