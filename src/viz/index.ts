/** Pictures: PNG files, image grids, charts as SVG, reports as HTML. Bytes and strings in and out; runs in browsers. */

export { accuracyChart, lossChart } from './chart.ts';
export type { AxisScale, Chart, Curve, Threshold, TrainingHistory } from './chart.ts';
export { confusionMatrix } from './confusion.ts';
export type { Confusion } from './confusion.ts';
export { display, displayInJupyter } from './display.ts';
export type { Displayable, Displayed, DisplayOptions, MimeBundle, Row } from './display.ts';
export { filterGrid, imageGrid } from './grid.ts';
export type { GridOptions } from './grid.ts';
export { decodeJpeg } from './jpeg.ts';
export type { DecodeJpegOptions } from './jpeg.ts';
export { lineChart } from './line-chart.ts';
export type { LineChartOptions } from './line-chart.ts';
export { panelsSvg } from './panels.ts';
export type { Panel, PanelsOptions } from './panels.ts';
export { decodePicture } from './decode-picture.ts';
export { pictureToTensor, tensorToPicture } from './picture.ts';
export type { Picture } from './picture.ts';
export { progressDisplay } from './progress-display.ts';
export type { ShownProgress } from './progress-display.ts';
export { decodePng, encodePng } from './png.ts';
export type { DecodePngOptions } from './png.ts';
export { curvesHtml, reportHtml } from './report.ts';
export type { ReportOptions, SamplePrediction, SummaryFigure } from './report.ts';
export { smooth } from './smoothing.ts';
export { chartSvg } from './svg.ts';
export type { SvgOptions } from './svg.ts';
