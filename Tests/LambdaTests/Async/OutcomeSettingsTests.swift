// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import MartletTesting
import Testing

@testable import Lambda

@Suite("Destinations and dead-letter queues") struct OutcomeSettingsTests {
    private static let queue = "arn:aws:sqs:us-east-1:000000000000:q"

    private static func put(_ ground: ControlGround, _ config: DestinationConfig) async -> ClientError? {
        await refusal {
            _ = try await ground.lambda.call(
                LambdaOperations.putFunctionEventInvokeConfig,
                .init(functionName: "f", destinationConfig: config)
            )
        }
    }

    @Test("a function's dead-letter queue is kept, versioned, changed and taken away") func deadLetters() async throws {
        try await ControlGround.run { ground in
            let made = try await ground.create { $0.deadLetterConfig = DeadLetterConfig(targetArn: Self.queue) }
            #expect(made.deadLetterConfig?.targetArn == Self.queue)
            try await ground.publish()
            let update = UpdateFunctionConfigurationInput(
                functionName: "f",
                deadLetterConfig: DeadLetterConfig(targetArn: "")
            )
            let changed = try await ground.lambda.call(LambdaOperations.updateFunctionConfiguration, update)
            #expect(changed.deadLetterConfig == nil)
            try await ground.control.settle()
            #expect(try await ground.configuration("f", "1").deadLetterConfig?.targetArn == Self.queue)
            let source = StoredAsyncSettings(store: ground.control.store)
            let scope = Scope(account: .local, region: .usEast1)
            let version = FunctionReference(scope: scope, name: "f", qualifier: "1")
            #expect(try await source.asyncSettings(of: version)?.deadLetters == ARN(Self.queue))
            let latest = FunctionReference(scope: scope, name: "f", qualifier: nil)
            #expect(try await source.asyncSettings(of: latest) == AsyncSettings(role: ARN(ControlGround.role)))
            let alias = FunctionReference(scope: scope, name: "f", qualifier: "none")
            #expect(try await source.asyncSettings(of: alias) == nil)
        }
    }

    @Test(
        "a dead-letter queue that is neither a standard queue nor a standard topic is refused",
        arguments: [
            "arn:aws:s3:::bucket", "arn:aws:lambda:us-east-1:000000000000:function:g", "\(queue).fifo",
            "arn:aws:sns:us-east-1:000000000000:t.fifo",
        ]
    )
    func noQueue(arn: String) async throws {
        try await ControlGround.run { ground in
            let refused = await refusal {
                try await ground.create { $0.deadLetterConfig = DeadLetterConfig(targetArn: arn) }
            }
            #expect(refused?.code == "InvalidParameterValueException")
        }
    }

    @Test("destinations are kept and changed one by one") func destinations() async throws {
        try await ControlGround.run { ground in
            try await ground.create()
            try await ground.create("g")
            let function = "\(ControlGround.arn):g"
            let both = DestinationConfig(
                onSuccess: OnSuccess(destination: Self.queue),
                onFailure: OnFailure(destination: function)
            )
            #expect(await Self.put(ground, both) == nil)
            let updated = try await ground.lambda.call(
                LambdaOperations.updateFunctionEventInvokeConfig,
                .init(functionName: "f", destinationConfig: DestinationConfig(onSuccess: OnSuccess(destination: "")))
            )
            #expect(updated.destinationConfig?.onSuccess?.destination == nil)
            #expect(updated.destinationConfig?.onFailure?.destination == function)
            let latest = FunctionReference(scope: Scope(account: .local, region: .usEast1), name: "f", qualifier: nil)
            let settings = try await StoredAsyncSettings(store: ground.control.store).asyncSettings(of: latest)
            #expect(settings?.onSuccess == nil && settings?.onFailure == ARN(function))
        }
    }

    @Test("destinations that cannot be are refused as AWS does, those that cannot be yet by name") func refused()
        async throws
    {
        try await ControlGround.run { ground in
            try await ground.create()
            func success(_ arn: String) -> DestinationConfig {
                DestinationConfig(onSuccess: OnSuccess(destination: arn))
            }
            let unknown = "arn:aws:dynamodb:us-east-1:000000000000:table/t"
            #expect(
                await Self.put(ground, success(unknown))
                    == .invalid(
                        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=\(unknown)), onFailure=null) is invalid."
                    )
            )
            for fifo in ["\(Self.queue).fifo", "arn:aws:sns:us-east-1:000000000000:t.fifo"] {
                #expect(
                    await Self.put(ground, success(fifo))
                        == .invalid(
                            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=\(fifo)), onFailure=null) is invalid."
                        )
                )
            }
            let itself = "\(ControlGround.arn):f"
            #expect(
                await Self.put(ground, success(itself))
                    == .invalid("You can't specify the function as a destination for itself.")
            )
            let nobody = "\(ControlGround.arn):nobody"
            #expect(
                await Self.put(ground, success(nobody)) == .invalid("The destination ARN \(nobody) is invalid.")
            )
            let bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
            #expect(await Self.put(ground, success(bus))?.status == 501)
            #expect(await Self.put(ground, success("arn:aws:s3:::bucket"))?.status == 501)
        }
    }
}
