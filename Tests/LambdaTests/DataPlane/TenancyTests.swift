// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Tenancy") struct TenancyTests {
    private func version(isolates: Bool) throws -> ExecutableVersion {
        ExecutableVersion(
            key: VersionKey(
                scope: Scope(account: .local, region: .usEast1),
                functionName: "f",
                version: "$LATEST",
                generation: "1"
            ),
            runtime: "python3.12",
            handler: "a.handler",
            timeoutSeconds: 3,
            memoryMiB: 128,
            temporaryMiB: 512,
            environment: [:],
            role: try #require(ARN("arn:aws:iam::000000000000:role/r")),
            codePath: "/code",
            layersPath: nil,
            architecture: "x86_64",
            logging: FunctionLogging(format: "Text", group: "g"),
            tracingMode: "PassThrough",
            lastModified: Instant(milliseconds: 0),
            isolatesTenants: isolates
        )
    }

    @Test("tenants share no environment, with each other or with nobody's")
    func keys() throws {
        var (a, b, none) = (try version(isolates: true), try version(isolates: true), try version(isolates: false))
        try Tenancy.assign("a", to: &a)
        try Tenancy.assign("b", to: &b)
        try Tenancy.assign(nil, to: &none)
        #expect(a.key != b.key && a.key != none.key && b.key != none.key)
        var again = try version(isolates: true)
        try Tenancy.assign("a", to: &again)
        #expect(again.key == a.key)
    }

    @Test("a tenant is needed where there are some, and refused elsewhere")
    func refused() throws {
        var (with, without) = (try version(isolates: true), try version(isolates: false))
        #expect(throws: InvalidParameterValueException.self) { try Tenancy.assign(nil, to: &with) }
        #expect(throws: InvalidParameterValueException.self) { try Tenancy.assign("a", to: &without) }
        #expect(with.key.tenantID == nil && without.key.tenantID == nil)
    }
}
