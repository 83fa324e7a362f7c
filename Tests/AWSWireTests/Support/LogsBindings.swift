// SPDX-License-Identifier: Apache-2.0
import AWSWire

@testable import Logs

extension WireService {
    static let logs = WireService(
        .logs,
        [
            Operation(LogsOperations.createLogGroup, answerEmpty),
            Operation(LogsOperations.createLogStream, answerEmpty),
            Operation(LogsOperations.deleteLogGroup, answerEmpty),
            Operation(LogsOperations.deleteLogStream, answerEmpty),
            Operation(LogsOperations.deleteRetentionPolicy, answerEmpty),
            Operation(LogsOperations.describeLogGroups, answerEmpty),
            Operation(LogsOperations.describeLogStreams, answerEmpty),
            Operation(LogsOperations.filterLogEvents, answerEmpty),
            Operation(LogsOperations.getLogEvents, answerEmpty),
            Operation(LogsOperations.listLogGroups, answerEmpty),
            Operation(LogsOperations.listTagsForResource, answerEmpty),
            Operation(LogsOperations.listTagsLogGroup, answerEmpty),
            Operation(LogsOperations.putLogEvents, answerEmpty),
            Operation(LogsOperations.putRetentionPolicy, answerEmpty),
            Operation(LogsOperations.tagLogGroup, answerEmpty),
            Operation(LogsOperations.tagResource, answerEmpty),
            Operation(LogsOperations.untagLogGroup, answerEmpty),
            Operation(LogsOperations.untagResource, answerEmpty),
        ]
    )
}
