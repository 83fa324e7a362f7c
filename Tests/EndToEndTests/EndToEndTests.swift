// SPDX-License-Identifier: Apache-2.0
import Testing

/// The built binary, real sockets, real sandboxes, and AWS's own clients. What each test does is in the script that it
/// names, in `Tests/EndToEnd`; `run.py` there runs them by hand.
@Suite("End to end", .sharedServer, .timeLimit(.minutes(20))) struct EndToEndTests {
    @Suite("functions") struct Functions {
        @Test("run in Python, Node.js and runtimes of their own") func runtimes() async throws {
            try await Script.run("test_runtimes")
        }

        @Test("are written in Swift as the example shows") func swiftFunction() async throws {
            try await Script.run("test_swift_function")
        }

        @Test("get the event and answer the caller, in every type of invocation") func invoke() async throws {
            try await Script.run("test_invoke")
        }

        @Test("tell other functions how their events ended") func destinations() async throws {
            try await Script.run("test_destinations")
        }

        @Test("that fail answer AWS's payload, header and log lines") func failures() async throws {
            try await Script.run("test_failures")
        }

        @Test("find AWS's environment around them") func environment() async throws {
            try await Script.run("test_environment")
        }

        @Test("start in runtimes that were booted ahead") func stemCells() async throws {
            try await Script.run("test_stem_cells")
        }

        @Test("are started by the wrapper that they name") func wrappers() async throws {
            try await Script.run("test_wrappers")
        }

        @Test("find the AWS SDK without bringing it") func sdk() async throws {
            try await Script.run("test_sdk")
        }

        @Test("start from snapshots where SnapStart says so") func snapStart() async throws {
            try await Script.run("test_snapstart")
        }

        @Test("are initialised ahead where provisioned concurrency says so") func provisionedConcurrency() async throws
        {
            try await Script.run("test_provisioned_concurrency")
        }

        @Test("stream their answers as they write them") func streaming() async throws {
            try await Script.run("test_streaming")
        }

        @Test("have addresses of their own, for browsers and signed callers") func urls() async throws {
            try await Script.run("test_function_urls")
        }

        @Test("run at once up to their reserved concurrency") func concurrency() async throws {
            try await Script.run("test_concurrency")
        }

        @Test("are container images from layouts and registries") func images() async throws {
            try await Script.run("test_images")
        }

        @Test("bring third parties' packages along") func thirdParty() async throws {
            try await Script.run("test_third_party")
        }

        @Test("keep tenants apart, and do not loop for ever") func tenants() async throws {
            try await Script.run("test_tenants")
        }

        @Test("are metered") func usage() async throws {
            try await Script.run("test_usage")
        }

        @Test("have extensions beside them and inside") func extensions() async throws {
            try await Script.run("test_extensions")
        }

        @Test("cannot leave their environment") func isolation() async throws {
            try await Script.run("test_isolation")
        }

        @Test("have networks that reach so far and no further") func networks() async throws {
            try await Script.run("test_networks")
        }

        @Test("mount directories of the host") func mounts() async throws {
            try await Script.run("test_mounts")
        }

        @Test("find layers and temporary files in the process sandbox too") func processSandbox() async throws {
            try await Script.run("test_process_sandbox")
        }

        @Test("run in machines of their own where the server says so") func microVM() async throws {
            try await Script.run("test_microvm")
        }

        @Test("in Python are compiled once, and import what was made") func compiledCode() async throws {
            try await Script.run("test_compiled_code")
        }

        @Test("use boto3 as their role, and the official runtime client") func clientsInside() async throws {
            try await Script.run("test_clients_inside")
        }
    }

    @Suite("the control plane") struct ControlPlane {
        @Test("keeps a function's settings, permissions, tags, URL and event configurations") func configuration()
            async throws
        {
            try await Script.run("test_configuration")
        }

        @Test("publishes versions and shifts aliases between them") func versions() async throws {
            try await Script.run("test_versions")
        }

        @Test("publishes layers and merges them under /opt") func layers() async throws {
            try await Script.run("test_layers")
        }

        @Test("keeps roles, users, policies and keys") func iam() async throws {
            try await Script.run("test_iam")
        }

        @Test("keeps the functions' logs, and a tail follows them") func logs() async throws {
            try await Script.run("test_logs")
        }

        @Test("keeps queues: both protocols, order, dead letters, and what was acknowledged before a kill")
        func queues()
            async throws
        {
            try await Script.run("test_sqs")
        }

        @Test("hands on what topics are given, signed, and by kill -9 loses none of it") func sns() async throws {
            try await Script.run("test_sns")
        }

        @Test("hands what is written to a log to the function that subscribed to it") func subscriptions() async throws
        {
            try await Script.run("test_subscriptions")
        }

        @Test("transforms and masks log events by policies") func logPolicies() async throws {
            try await Script.run("test_log_policies")
        }

        @Test("answers queries, follows live tails and keeps filters") func insights() async throws {
            try await Script.run("test_insights")
        }

        @Test("runs queries on their schedules and looks into tables, also after kill -9") func logSchedules()
            async throws
        {
            try await Script.run("test_logs_schedules")
        }

        @Test("feeds functions from queues, in batches, filtered, in order, and by kill -9 loses none") func mappings()
            async throws
        {
            try await Script.run("test_mappings")
        }

        @Test("are fed by more pollers under a backlog, in full batches, and lose nothing by changes under way")
        func mappingLoad() async throws {
            try await Script.run("test_mapping_load")
        }

        @Test("shows events and messages on their way, makes sample events and sends dead letters back")
        func eventVerbs()
            async throws
        {
            try await Script.run("test_event_verbs")
        }

        @Test("loses none of ten thousand events, and fans out to each who wants one") func eventProofs() async throws {
            try await Script.run("test_event_proofs")
        }

        @Test("does for the AWS CLI what scripts do with events") func commandLineEvents() async throws {
            try await Script.run("test_aws_cli")
        }

        @Test("reads the same each time Terraform refreshes") func terraform() async throws {
            try await Script.run("test_terraform")
        }

        @Test("survives input that nobody means well with") func hostile() async throws {
            try await Script.run("test_hostile")
        }
    }

    @Suite("the server") struct Server {
        @Test("answers the AWS CLI and its own verbs") func commandLine() async throws {
            try await Script.run("test_command_line")
        }

        @Test("looks at signatures and permissions in the modes that say so") func auth() async throws {
            try await Script.run("test_auth")
        }

        @Test("starts, refuses to start, resets and ends in good order") func life() async throws {
            try await Script.run("test_life")
        }

        @Test("has everything after a restart") func restart() async throws {
            try await Script.run("test_restart")
        }

        @Test("delivers every acknowledged event, however often it is killed") func eventKill() async throws {
            try await Script.run("test_event_kill")
        }

        @Test("leaves nothing of a start behind, and loses no event to it, however often it is killed") func claimKill()
            async throws
        {
            try await Script.run("test_claim_kill")
        }

        @Test("keeps what it acknowledged, however often it is killed") func kill() async throws {
            try await Script.run("test_kill")
        }

        @Test("keeps policies of logs in force, however often it is killed") func policyKill() async throws {
            try await Script.run("test_policy_kill")
        }
    }
}
