// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import MartletTesting
import Testing

@testable import Lambda

@Suite("Settings of concurrency") struct ConcurrencySettingTests {
    private static let scope = Scope(account: .local, region: .usEast1)

    private func published(_ name: String, _ ground: ControlGround) async throws {
        try await ground.create(name)
        try await ground.publish(name)
    }

    private func reserve(_ number: Int, for name: String, _ ground: ControlGround) async throws {
        _ = try await ground.lambda.call(
            LambdaOperations.putFunctionConcurrency,
            .init(functionName: name, reservedConcurrentExecutions: number)
        )
    }

    private func provision(_ number: Int, for name: String, _ ground: ControlGround) async throws {
        _ = try await ground.lambda.call(
            LambdaOperations.putProvisionedConcurrencyConfig,
            .init(functionName: name, qualifier: "1", provisionedConcurrentExecutions: number)
        )
    }

    @Test("a reservation must hold what the function has provisioned")
    func belowProvisioned() async throws {
        try await ControlGround.run { ground in
            try await published("f", ground)
            try await provision(5, for: "f", ground)
            #expect(
                await refusal { try await reserve(4, for: "f", ground) }
                    == .invalid(
                        " ReservedConcurrentExecutions  4 should not be lower than function's total provisioned concurrency [5]."
                    )
            )
            try await reserve(5, for: "f", ground)
        }
    }

    @Test("what others have provisioned without a reservation is not there to be reserved; one's own is")
    func others() async throws {
        try await ControlGround.run { ground in
            try await published("f", ground)
            try await published("g", ground)
            try await provision(300, for: "f", ground)
            #expect(
                await refusal { try await reserve(601, for: "g", ground) }?.code == "InvalidParameterValueException"
            )
            try await reserve(600, for: "g", ground)
            // Its own three hundred are within the new reservation.
            try await reserve(300, for: "f", ground)
            #expect(
                await refusal { try await reserve(301, for: "f", ground) }?.code == "InvalidParameterValueException"
            )
        }
    }

    @Test("an account claims what is reserved, and what is provisioned beside reservations; a change is seen at once")
    func claims() async throws {
        try await ControlGround.run { ground in
            try await published("f", ground)
            try await published("g", ground)
            let directory = ground.control.directory
            #expect(try await directory.claimedConcurrency(in: Self.scope) == .init())
            try await provision(7, for: "f", ground)
            #expect(try await directory.claimedConcurrency(in: Self.scope) == .init(provisioned: 7))
            try await reserve(20, for: "g", ground)
            try await provision(20, for: "g", ground)
            #expect(try await directory.claimedConcurrency(in: Self.scope) == .init(reserved: 20, provisioned: 7))
            let resolved = try await directory.resolve(function: "g", qualifier: "1", in: Self.scope, draw: 0)
            #expect(resolved.reservedConcurrency == 20 && resolved.provisionedConcurrency == 20)
        }
    }

    @Test("a function with tenant isolation has neither provisioned concurrency nor an address")
    func tenants() async throws {
        try await ControlGround.run { ground in
            try await ground.create { $0.tenancyConfig = .init(tenantIsolationMode: TenantIsolationMode("PER_TENANT")) }
            try await ground.publish()
            #expect(
                await refusal { try await provision(1, for: "f", ground) }
                    == .invalid("Provisioned Concurrency is not supported for functions with tenant isolation enabled.")
            )
            let address = await refusal {
                _ = try await ground.lambda.call(
                    LambdaOperations.createFunctionUrlConfig,
                    .init(functionName: "f", authType: FunctionUrlAuthType.none)
                )
            }
            #expect(address == .invalid("Function URL is not supported for functions with tenant isolation enabled."))
        }
    }

    @Test(
        "INIT_START and GetFunction name one build of a runtime",
        arguments: [
            ("python3.12", "python:3.12.v1"), ("nodejs22.x", "nodejs:22.v1"), ("java21", "java:21.v1"),
            ("java8.al2", "java:8.al2.v1"), ("provided.al2023", "provided:al2023.v1"), ("ruby3.3", "ruby:3.3.v1"),
            ("dotnet8", "dotnet:8.v1"), ("provided", "provided.v1"), ("", ".v1"), ("3.x", ":3.v1"),
        ]
    )
    func runtimes(identifier: String, name: String) async throws {
        #expect(RuntimeCatalog.versionName(of: identifier) == name)
    }

    @Test("the first line of a log has the ARN that GetFunctionConfiguration has")
    func runtimeARN() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            let arn = try #require(try await ground.configuration().runtimeVersionConfig?.runtimeVersionArn)
            let version = try await ground.control.directory.resolve(
                function: "f",
                qualifier: nil,
                in: Self.scope,
                draw: 0
            ).version
            #expect(
                PlatformLog.text.initStart(version, at: Instant(milliseconds: 0))
                    == "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: \(arn)\n"
            )
        }
    }
}
