// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore

/// The three forms of the same service.
enum Wire: String, CaseIterable, Sendable {
    case rest, target, form

    var ledger: Ledger {
        switch self {
        case .rest: .rest
        case .target: .target
        case .form: .form
        }
    }

    /// A request to `Put`, unsigned.
    func put(_ text: String = "hello", authority: String = "localhost:4566") -> (SignableRequest, body: String) {
        var request = SignableRequest(method: "POST", path: "/", authority: authority)
        switch self {
        case .rest:
            request.path = "/2020-01-01/entries"
            request.headers[.contentType] = "application/json"
            return (request, #"{"Text":"\#(text)"}"#)
        case .target:
            request.headers[.contentType] = "application/x-amz-json-1.1"
            request.headers[.amzTarget] = "Ledger_2020.Put"
            return (request, #"{"Text":"\#(text)"}"#)
        case .form:
            request.headers[.contentType] = "application/x-www-form-urlencoded"
            return (request, "Action=Put&Version=2020-01-01&Text=\(text)")
        }
    }
}

extension WireResponse {
    var text: String {
        guard case .buffer(let buffer) = body else { return "" }
        return String(buffer: buffer)
    }

    subscript(header: String) -> String? { HTTPField.Name(header).flatMap { headers[$0] } }

    /// The error's code, in whichever form.
    var errorCode: String? {
        if let type = self["x-amzn-errortype"] { return String(type.prefix { $0 != ":" }) }
        if let start = text.firstRange(of: "<Code>") { return String(text[start.upperBound...].prefix { $0 != "<" }) }
        guard let start = text.firstRange(of: #""__type":""#) else { return nil }
        return text[start.upperBound...].prefix { $0 != "\"" }.split(separator: "#").last.map(String.init)
    }
}

/// A root key of the account 111122223333, and a session of it.
enum Keys {
    static let account = AccountID("111122223333") ?? .local
    static let root = TestCredentials("AKIDEXAMPLE", "secret")
    static let session = TestCredentials("ASIAEXAMPLE", "secret of the session", sessionToken: "token")
    static let expired = TestCredentials("ASIAOLD", "old secret", sessionToken: "old token")

    static func directory(now: Instant) -> MemoryCredentials {
        let role = Principal(
            account: account,
            kind: .assumedRole(roleName: "app", sessionName: "s"),
            arn: ARN(service: "sts", region: "", account: account.text, resource: "assumed-role/app/s"),
            userID: "AROA:s"
        )
        return MemoryCredentials([
            root.accessKeyID: SigningCredential(
                secretAccessKey: root.secretAccessKey,
                principal: .root(of: account, accessKeyID: root.accessKeyID)
            ),
            session.accessKeyID: SigningCredential(
                secretAccessKey: session.secretAccessKey,
                sessionToken: session.sessionToken,
                expiresAt: now + .seconds(3_600),
                principal: role
            ),
            expired.accessKeyID: SigningCredential(
                secretAccessKey: expired.secretAccessKey,
                sessionToken: expired.sessionToken,
                expiresAt: now - .seconds(1),
                principal: role
            ),
        ])
    }
}

/// The three ledgers with the keys above.
@Sendable func ledgers(_ ground: TestGround) -> TestAssembly {
    var assembly = TestAssembly(Ledger.all)
    assembly.credentials = [Keys.directory(now: ground.clock.now)]
    return assembly
}

extension TestServer {
    func sign(
        _ request: inout SignableRequest,
        _ body: String,
        as credentials: TestCredentials,
        service: String,
        region: String = "eu-west-1",
        at instant: Instant? = nil
    ) {
        SigV4Signer(credentials, region: region, service: service)
            .sign(&request, payload: .bytes(Array(body.utf8)), at: instant ?? clock.now)
    }
}
