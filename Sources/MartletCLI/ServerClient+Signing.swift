// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

extension ServerClient {
    struct SignedRequest {
        var url: String
        var headers: [(String, String)]
    }

    /// SigV4 in the header form, as every SDK signs.
    func sign(
        _ service: String,
        _ method: String,
        _ path: String,
        _ query: [(String, String)],
        _ headers: [(String, String)],
        _ body: ByteBuffer
    ) throws -> SignedRequest {
        guard let scheme = endpoint.firstRange(of: "://") else {
            throw CommandFailure("“\(endpoint)” is not an address.", next: "--endpoint http://127.0.0.1:4566")
        }
        let authority = String(endpoint[scheme.upperBound...].prefix { $0 != "/" })
        let text = query.map { "\(Self.encode($0.0))=\(Self.encode($0.1))" }.joined(separator: "&")
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        var request = SignableRequest(method: method, path: path, query: text, headers: fields, authority: authority)
        let signer = SigV4Signer(
            accessKeyID: accessKeyID,
            secretAccessKey: secretAccessKey,
            sessionToken: sessionToken,
            region: region.name,
            service: service
        )
        signer.sign(&request, payload: .bytes(Array(body.readableBytesView)), at: SystemClock().now)
        return SignedRequest(
            url: endpoint.prefix(upTo: scheme.upperBound) + authority + path + (text.isEmpty ? "" : "?\(text)"),
            headers: request.headers.map { ($0.name.rawName, $0.value) }
        )
    }
}
