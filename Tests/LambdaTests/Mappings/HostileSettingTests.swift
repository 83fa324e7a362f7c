// SPDX-License-Identifier: Apache-2.0
import MartletTesting
import Testing

@testable import Lambda

@Suite("Mappings and destinations: requests that nobody means well with") struct HostileSettingTests {
    private static let mappings = "/2015-03-31/event-source-mappings"
    private static let settings =
        #""FunctionName":"f","BatchSize":20,"MaximumBatchingWindowInSeconds":1,"Enabled":true,"#
        + #""FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"a\":[1,{\"prefix\":\"x\"}],\"b\":[{\"numeric\":[\">\",1]}]}}"}]},"#
        + #""FunctionResponseTypes":["ReportBatchItemFailures"],"ScalingConfig":{"MaximumConcurrency":2},"#
        + #""MetricsConfig":{"Metrics":["EventCount"]},"ProvisionedPollerConfig":{}"#

    private static func samples(_ id: String) -> [HostileRequests.Sample] {
        let update = "\(mappings)/\(id)"
        return [
            .rest("PUT", update, "{\(settings)}"), .rest("PUT", update, #"{"Enabled":false}"#),
            .rest(
                "PUT",
                update,
                #"{"ScalingConfig":{},"ProvisionedPollerConfig":{"MinimumPollers":2,"MaximumPollers":9}}"#
            ),
            .rest("PUT", update, #"{"SourceAccessConfigurations":[{"Type":"BASIC_AUTH","URI":"arn:aws:x"}]}"#),
            .rest("PUT", update, #"{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:::d"}}}"#),
            .rest(
                "POST",
                mappings,
                #"{"EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:q","Tags":{"a":"b"},\#(settings)}"#
            ),
            .rest(
                "POST",
                mappings,
                #"{"EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:q","StartingPositionTimestamp":1.5,\#(settings)}"#
            ),
        ]
    }

    @Test("of event source mappings get AWS's errors, and mappings stay whole", arguments: 0..<2)
    func mappings(seed: Int) async throws {
        try await MappingGround.run(supervises: false) { ground in
            let id = try #require(try await ground.create { $0.enabled = false }.uuid)
            try await ground.settle(id)
            var hostile = HostileRequests(seed: UInt64(seed) &+ 5, like: Self.samples(id), to: "lambda")
            var tally = HostileRequests.Tally()
            for _ in 0..<20 {
                tally = tally + (try await hostile.send(50, to: ground.control.server))
                try await ground.settle(id)
            }
            #expect(tally.total == 1_000)
            #expect(tally.faults == [])
            #expect(tally.statuses[202, default: 0] > 5, "\(tally.statuses)")
            #expect(tally.statuses[400, default: 0] > 200, "\(tally.statuses)")
            let list = try await ground.lambda.call(LambdaOperations.listEventSourceMappings, .init())
            #expect(list.eventSourceMappings?.contains { $0.uuid == id } == true)
            let plain = try await ground.update(id) {
                ($0.functionName, $0.batchSize, $0.enabled) = ("f", 5, true)
                ($0.provisionedPollerConfig, $0.scalingConfig, $0.filterCriteria) = (.init(), .init(), .init())
            }
            #expect(plain.batchSize == 5 && plain.filterCriteria == nil)
        }
    }

    @Test("of PutFunctionEventInvokeConfig get AWS's errors, and the function keeps its settings", arguments: 0..<2)
    func destinations(seed: Int) async throws {
        let path = "/2019-09-25/functions/f/event-invoke-config"
        let whole =
            #"{"MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:000000000000:q"},"OnSuccess":{"Destination":"arn:aws:sns:us-east-1:000000000000:t"}}}"#
        try await ControlGround.run { ground in
            try await ground.create()
            let samples = ["PUT", "POST"].map { HostileRequests.Sample.rest($0, path, whole) }
            var hostile = HostileRequests(seed: UInt64(seed) &+ 9, like: samples, to: "lambda")
            let tally = try await hostile.send(1_000, to: ground.server)
            #expect(tally.total == 1_000)
            #expect(tally.faults == [])
            #expect(tally.statuses[200, default: 0] > 50, "\(tally.statuses)")
            #expect(tally.statuses[400, default: 0] > 200, "\(tally.statuses)")
            let put = try await ground.lambda.call(
                LambdaOperations.putFunctionEventInvokeConfig,
                .init(functionName: "f", maximumRetryAttempts: 2)
            )
            #expect(put.maximumRetryAttempts == 2 && put.maximumEventAgeInSeconds == nil)
        }
    }
}
