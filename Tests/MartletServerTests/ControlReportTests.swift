// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import MartletTesting
import NIOCore
import Testing

@Suite("Reports to the operator") struct ControlReportTests {
    /// Answers with what it was asked.
    private struct Echo: ControlReport {
        let name = "echo"

        func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
            let text = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            return WireResponse(
                status: 200,
                headers: [:],
                body: .buffer(ByteBuffer(string: "\(account?.text ?? "all") \(text)"))
            )
        }
    }

    private let assemble: @Sendable (TestGround) -> TestAssembly = { ground in
        var assembly = ledgers(ground)
        assembly.reports = [Echo()]
        return assembly
    }

    private func request(_ query: String = "", method: String = "GET") -> SignableRequest {
        SignableRequest(method: method, path: "/_martlet/echo", query: query, authority: "localhost")
    }

    @Test("in open mode whoever sits at the host hears of all accounts, a signature's of one")
    func open() async throws {
        try await TestServer.run(providers: assemble) { server in
            let all = try await server.send(request("a=b%20c+d&e&f=%zz"))
            #expect(all.status == 200)
            #expect(all.text == "all a=b c d e= f=%zz")
            var signed = request()
            server.sign(&signed, "", as: Keys.root, service: "lambda")
            #expect(try await server.send(signed).text == "111122223333 ")
        }
    }

    @Test("elsewhere only an account's root asks, with its signature", arguments: [AuthMode.signed, .enforced])
    func signed(mode: AuthMode) async throws {
        try await TestServer.run(providers: assemble, auth: mode) { server in
            let nobody = try await server.send(request())
            #expect(nobody.status == 403)
            var signed = request("function=f")
            server.sign(&signed, "", as: Keys.root, service: "lambda")
            #expect(try await server.send(signed).text == "111122223333 function=f")
            var forged = request()
            server.sign(&forged, "", as: TestCredentials(Keys.root.accessKeyID, "another"), service: "lambda")
            #expect(try await server.send(forged).status == 403)
        }
    }

    @Test("reports are read, not written")
    func methods() async throws {
        try await TestServer.run(providers: assemble) { server in
            let response = try await server.send(request(method: "POST"))
            #expect(response.status == 405)
        }
    }
}
